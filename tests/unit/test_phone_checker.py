"""Codes are counted together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

from loadtest.bench.bodies import body
from registration import applicant
from registration.applicant import Applicant
from registration.clock import SystemClock, Today
from registration.handles import Challenges
from registration.sealing import KeyRing
from registration.settings import read
from registration.store.database import Database
from registration.store.work import Work
from simulators.people import make_person
from verify_workers.kinds.phone import PhoneChecker

SEED = 20_200_411


class SlowDatabase(Database):
    """Counts transactions; each needs a turn, and allows every code."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.turns = asyncio.Semaphore(0)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """One more of them."""
        await self.turns.acquire()
        yield self

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Allow every code of a batch; there is nothing to lock."""
        del sql
        if not arguments:
            return []
        ids = cast("list[UUID]", arguments[0])
        self.batches.append(len(ids))
        return [{"id": item, "cause": None, "wait_seconds": 0.0} for item in ids]


def person(index: int) -> Applicant:
    return applicant.examine(applicant.parse(body(make_person(SEED, index))), today=Today(SystemClock())())


def work() -> Work:
    return Work(registration_id=uuid4(), sealed=b"", identity_digest=b"", version=0, attempts=0, generation=1)


def checker(database: Database) -> PhoneChecker:
    ring = KeyRing.generate()
    settings = read(
        {
            "GELOMBANG_DATABASE_URL": "postgresql://nowhere",
            "GELOMBANG_REDIS_URL": "redis://nowhere",
            "GELOMBANG_KEYS": ring.to_json(),
        }
    )
    return PhoneChecker(settings=settings, challenges=Challenges(ring), ring=ring, database=database)


async def test_what_arrives_while_codes_are_counted_is_counted_with_the_next() -> None:
    """Each waits for two transactions at most: with a queue of them, a slow PostgreSQL let three a second out."""
    database = SlowDatabase()
    phone = checker(database)
    waiting: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:
        for index in range(50):
            waiting.add(tasks.create_task(phone.prepare([(person(index), work())])))
            await asyncio.sleep(0)
            if index % 5 == 0:  # five arrive during each transaction
                database.turns.release()
                for _ in range(10):
                    await asyncio.sleep(0)
                assert len([task for task in waiting if not task.done()]) <= 10
        database.turns.release()
        database.turns.release()
    await phone.close()
    assert sum(database.batches) == 50
