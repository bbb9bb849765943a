"""The ministry's daily quota, leased to workers in small blocks.

Guarantee: in a day, in Jakarta, no more calls are leased than the quota, whatever dies and whatever becomes of Valkey.
A block counts as used from when it is leased; what a worker that dies had left of it is lost for the day.
"""

from datetime import date

import msgspec

from registration.outlook import Quota
from registration.store.database import Database
from registration.store.statements import statement


class Block(msgspec.Struct, frozen=True):
    """Calls leased on a day: how many, how many nobody has leased yet, and how long the day still lasts."""

    day: date
    calls: int
    left_over: int
    seconds: float


async def lease_calls(database: Database, *, quota: int, wanted: int) -> Block:
    """Up to `wanted` calls of today's quota; none at its end. Raises `Retryable`: then they count as used."""
    (row,) = await database.fetch(statement("lease_quota"), quota, wanted)
    return Block(row["day"], row["calls"], row["left_over"], row["seconds"])


async def read_quota(database: Database, *, daily: int) -> Quota | None:
    """What is left of today's quota, without leasing any of it; None without a quota (0). Raises `Retryable`."""
    if not daily:
        return None
    (row,) = await database.fetch(statement("read_quota"))
    return Quota(max(0, daily - row["leased"]), row["seconds"], daily)


async def return_calls(database: Database, *, day: date, count: int) -> None:
    """Give back what was not used. Raises `Retryable`."""
    await database.fetch(statement("return_quota"), day, count)
