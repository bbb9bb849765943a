"""The accept path, as far as it goes without a database."""

import asyncio
import gc
from typing import Any, cast

from ingest.admission import Admission
from ingest.intake import Intake
from ingest.limits import Limits
from ingest.shortcut import Shortcut
from loadtest.bench.bodies import body
from monitoring.metrics import Metrics
from registration import applicant
from registration.clock import SystemClock
from registration.digests import Digests
from registration.errors import Overloaded
from registration.sealing import KeyRing, Sealer
from registration.settings import read
from registration.store.database import Database
from registration.streams.streams import Streams
from simulators.people import make_person

REFUSALS = 200
SEED = 20_200_411


class Empty(Database):
    """A database in which nothing is found."""

    def __init__(self) -> None: ...

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """No rows."""
        del sql, arguments
        return []


def full_door() -> Intake:
    """An intake whose admission lets nobody in, however short the wait."""
    ring = KeyRing.generate()
    settings = read(
        {
            "GELOMBANG_DATABASE_URL": "postgresql://nowhere",
            "GELOMBANG_REDIS_URL": "redis://nowhere",
            "GELOMBANG_KEYS": ring.to_json(),
        }
    )
    metrics = Metrics()
    nowhere = cast("Streams", None)
    return Intake(
        settings=settings,
        database=Empty(),
        shortcut=Shortcut(nowhere, metrics),
        admission=Admission(target_seconds=-1.0, retry_after_seconds=2.0, metrics=metrics),
        limits=Limits(settings=settings, ring=ring, streams=nowhere, metrics=metrics),
        sealer=Sealer(ring),
        digests=Digests(ring),
        clock=SystemClock(),
        metrics=metrics,
    )


def submission(index: int) -> applicant.Submission:
    return applicant.parse(body(make_person(SEED, index)))


async def test_a_refusal_leaves_no_work_for_the_garbage_collector() -> None:
    """Its memory is free at once: in a rush, collecting thousands of cycles stopped the process for 50 ms."""
    door = full_door()
    finder = asyncio.create_task(door.run_finder())
    gc.collect()
    gc.disable()
    try:
        for index in range(REFUSALS):
            try:
                await door.register(f"key-{index:08}", submission(index))
            except Overloaded:
                continue
            raise AssertionError("let in")
        found = gc.collect()
    finally:
        gc.enable()
        finder.cancel()
    assert found < REFUSALS
