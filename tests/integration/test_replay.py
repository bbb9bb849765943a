"""Dead letters are given back at a pace, only those that were there, and never into a kind that is paused."""

import os
import time
from uuid import UUID, uuid4

import pytest

from gelombang.replay import Order, Progress, matching, replay
from registration.checks import Kind
from registration.store import intake, pauses
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.upkeep import count_dead_letters
from registration.store.work import Delay, Outcome, load_work, record_outcomes

FAST = 1_000_000.0


async def set_aside(database: Database, count: int, kind: Kind = Kind.NIK, cause: str = "poison") -> list[UUID]:
    batch = [Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for _ in range(count)]
    await intake.accept(database, batch)
    ids = [item.id for item in batch]
    await die(database, ids, kind, cause)
    return ids


async def die(database: Database, ids: list[UUID], kind: Kind = Kind.NIK, cause: str = "poison") -> None:
    works = await load_work(database, kind, ids, verdict_keep_days=1.0)
    outcomes = [Outcome(work, Delay(cause, None)) for work in works]
    await record_outcomes(database, kind, outcomes, challenge_seconds=1.0)


def order(kind: Kind | None = None, cause: str | None = None, limit: int | None = None, rate: float = FAST) -> Order:
    return Order(kind=kind, cause=cause, limit=limit, per_second=rate)


async def run(database: Database, wanted: Order) -> Progress:
    """The last that is told."""
    return ([Progress(0)] + [progress async for progress in replay(database, wanted)])[-1]


async def left(database: Database) -> dict[tuple[str, str], int]:
    return {(found.kind.value, found.cause): found.count for found in await count_dead_letters(database)}


@pytest.mark.parametrize(
    ("wanted", "given_back", "remaining"),
    [
        (order(), 9, {}),
        (order(Kind.NIK), 5, {("email", "poison"): 4}),
        (order(cause="poison"), 7, {("nik", "bug"): 2}),
        (order(Kind.NIK, "poison"), 3, {("nik", "bug"): 2, ("email", "poison"): 4}),
        (order(Kind.PHONE), 0, {("nik", "poison"): 3, ("nik", "bug"): 2, ("email", "poison"): 4}),
        (order(limit=6), 6, {("nik", "poison"): 1, ("nik", "bug"): 2}),
    ],
)
async def test_what_is_meant_is_given_back(
    database: Database, wanted: Order, given_back: int, remaining: dict[tuple[str, str], int]
) -> None:
    """By kind, cause and number; a dry run counts the same."""
    await set_aside(database, 4, Kind.EMAIL)
    await set_aside(database, 3)
    await set_aside(database, 2, cause="bug")
    meant = sum(found.count for found in await matching(database, wanted))
    found = await run(database, wanted)

    assert found == Progress(given_back)
    assert given_back == meant if wanted.limit is None else wanted.limit < meant
    assert await left(database) == remaining


async def test_what_dies_again_meanwhile_stays_for_a_person(database: Database) -> None:
    """Else one broken entry would keep a replay going for ever."""
    ids = await set_aside(database, 3)
    seen = 0
    async for progress in replay(database, order()):
        seen = progress.given_back
        await die(database, ids)

    assert seen == 3
    assert await left(database) == {("nik", "poison"): 3}


async def test_a_pause_ends_a_replay(database: Database) -> None:
    """By a person, or by the kind itself when the replayed work dies again."""
    await set_aside(database, 5)
    found = []
    async for progress in replay(database, order(rate=4.0)):
        found.append(progress)
        await pauses.pause(database, Kind.NIK, reason="too much would be set aside", by="test")

    assert found[-1].paused is Kind.NIK
    assert found[-1].given_back == 5 - (await left(database))["nik", "poison"] < 5
    assert await run(database, order()) == Progress(0, Kind.NIK)


async def test_a_replay_keeps_its_rate(database: Database) -> None:
    """Never faster; a slow machine only makes it slower."""
    await set_aside(database, 6)
    begun = time.monotonic()

    assert await run(database, order(rate=5.0)) == Progress(6)
    assert time.monotonic() - begun >= 4 / 5.0
