"""Rows move to the newest key in batches, by compare-and-set, and nothing else about them changes."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from registration.applicant import Applicant
from registration.sealing import KeyRing, Sealer, sealed_with
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.resealing import Progress, count_by_key, reseal

PERSON = Applicant(
    name="Siti Nurhaliza",
    birth_place="Jakarta Selatan",
    birth_date=date(1990, 2, 3),
    nik="3174014302900001",
    email="siti@mail.example",
    phone="+6281234567890",
)


@pytest.fixture
def rotated(ring: KeyRing) -> KeyRing:
    """The ring of the test with a second key."""
    return ring.rotated()


async def add(database: Database, sealer: Sealer, count: int) -> list[UUID]:
    """Registrations sealed with the sealer's newest key."""
    ids = [uuid4() for _ in range(count)]
    batch = [
        Registration(item, os.urandom(16), os.urandom(16), os.urandom(16), sealer.seal(PERSON, item)) for item in ids
    ]
    await intake.accept(database, batch)
    return ids


async def rows(database: Database) -> Mapping[UUID, Mapping[str, Any]]:
    """The whole table."""
    return {row["id"]: dict(row) for row in await database.fetch("select * from registrations")}


async def run(database: Database, sealer: Sealer, *, batch_limit: int = 500) -> Sequence[Progress]:
    return [progress async for progress in reseal(database, sealer, batch_limit=batch_limit)]


async def test_everything_moves_to_the_newest_key(database: Database, ring: KeyRing, rotated: KeyRing) -> None:
    """Batch after batch, and only the sealed value of a row changes."""
    await add(database, Sealer(ring), 7)
    await add(database, Sealer(rotated), 2)
    before = await rows(database)
    done = await run(database, Sealer(rotated), batch_limit=3)
    after = await rows(database)

    assert [Progress(3, 0), Progress(3, 0), Progress(1, 0)] == list(done)
    assert await count_by_key(database) == {2: 9}
    assert [Sealer(rotated).unseal(row["sealed"], item) for item, row in after.items()] == [PERSON] * 9
    assert {item: {**row, "sealed": b""} for item, row in before.items()} == {
        item: {**row, "sealed": b""} for item, row in after.items()
    }
    assert list(await run(database, Sealer(rotated))) == []


async def test_what_stops_in_the_middle_goes_on_later(database: Database, ring: KeyRing, rotated: KeyRing) -> None:
    """Each batch is a commit of its own."""
    await add(database, Sealer(ring), 5)
    async for _ in reseal(database, Sealer(rotated), batch_limit=2):
        break

    assert await count_by_key(database) == {1: 3, 2: 2}
    await run(database, Sealer(rotated))
    assert await count_by_key(database) == {2: 5}


async def test_a_row_that_changed_or_went_meanwhile_is_left_alone(
    database: Database, ring: KeyRing, rotated: KeyRing
) -> None:
    """What was read is compared again in the write, so a correction is not undone and an erased row stays erased."""
    corrected, erased, plain = sorted(await add(database, Sealer(ring), 3))
    fresh = Sealer(ring).seal(PERSON, corrected)

    class Meanwhile(Sealer):
        """Another process changes the rows between the reading and the writing."""

        def unseal(self, sealed: bytes, registration_id: UUID) -> Applicant:
            if registration_id == plain:
                waiting.append("the rows are read")
            return super().unseal(sealed, registration_id)

    waiting: list[str] = []
    fetch = database.fetch

    async def interfering(sql: str, *arguments: object) -> Sequence[Any]:
        if waiting and "update registrations" in sql:
            waiting.clear()
            await fetch("update registrations set sealed = $2 where id = $1", corrected, fresh)
            await fetch("delete from registrations where id = $1", erased)
        return await fetch(sql, *arguments)

    database.fetch = interfering  # type: ignore[method-assign]  # the moment between two statements
    done = await run(database, Meanwhile(rotated))

    assert list(done) == [Progress(resealed=1, unreadable=0)]
    left = await rows(database)
    assert left.keys() == {corrected, plain}
    assert left[corrected]["sealed"] == fresh
    assert sealed_with(left[plain]["sealed"]) == 2


async def test_what_cannot_be_opened_stays_and_is_counted(database: Database, ring: KeyRing, rotated: KeyRing) -> None:
    """A row under a key that the ring lacks, or a changed one, stops nobody."""
    await add(database, Sealer(ring), 2)
    broken = (await add(database, Sealer(KeyRing.generate()), 1))[0]
    before = (await rows(database))[broken]["sealed"]

    assert list(await run(database, Sealer(rotated))) == [Progress(resealed=2, unreadable=1)]
    assert (await rows(database))[broken]["sealed"] == before
