"""Gives dead letters back to the workers at a pace, so that what broke once is not broken again by all of them at once.

Only those that were there at the start: what dies anew during a replay stays for a person. If this process dies, what
it has given back is given back, and the rest is untouched. A kind that is paused meanwhile, by a person or by the cap
on dead letters, ends the replay.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec

from registration.checks import Kind
from registration.store.database import Database
from registration.store.pauses import read_pauses
from registration.store.upkeep import DeadLetterCount, count_dead_letters, replay_dead_letters

_TICK_SECONDS = 0.5


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to give back: of which kind and cause (None: any), how many at most, and how many a second."""

    kind: Kind | None
    cause: str | None
    limit: int | None
    per_second: float


class Progress(msgspec.Struct, frozen=True):
    """So many given back so far; `paused` ends it."""

    given_back: int
    paused: Kind | None = None


async def matching(database: Database, order: Order) -> list[DeadLetterCount]:
    """The dead letters that the order means, by kind and cause."""
    return [
        count
        for count in await count_dead_letters(database)
        if order.kind in {None, count.kind} and order.cause in {None, count.cause}
    ]


async def replay(database: Database, order: Order) -> AsyncIterator[Progress]:
    """Give back, oldest first, kind after kind; yields after every step. Raises `Retryable`."""
    row = await database.fetch_row("select now() as now")
    before = row["now"] if row else None
    given_back, owed, since = 0, 0.0, time.monotonic()
    for kind in dict.fromkeys(count.kind for count in await matching(database, order)):
        while True:
            if kind in {pause.kind for pause in await read_pauses(database)}:
                yield Progress(given_back, paused=kind)
                return
            owed, since = owed + order.per_second * (time.monotonic() - since), time.monotonic()
            due = min(int(max(owed, 1.0)), (order.limit or given_back + 1_000_000) - given_back)
            count = await replay_dead_letters(database, kind, cause=order.cause, limit=due, before=before)
            given_back, owed = given_back + count, owed - count
            yield Progress(given_back)
            if order.limit is not None and given_back >= order.limit:
                return
            if count < due:
                break
            await asyncio.sleep(max(_TICK_SECONDS, (1.0 - owed) / order.per_second))
