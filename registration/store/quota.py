"""A registry's daily quota, leased to workers in small blocks.

Guarantee: in a day, in Jakarta, no more calls are leased than the quota, whatever dies and whatever becomes of Valkey.
A block counts as used from when it is leased; what a worker that dies had left of it is lost for the day.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from registration.checks import Kind
from registration.outlook import Quota
from registration.store.database import Database
from registration.store.statements import statement

# One table for each registry: versions of the program that know only one write its table by the day alone.
_TABLES: Final[Mapping[Kind, str]] = {Kind.NIK: "ministry_quota", Kind.STUDENT: "student_quota"}


class Block(msgspec.Struct, frozen=True):
    """Calls leased on a day: how many, how many nobody has leased yet, and how long the day still lasts."""

    day: date
    calls: int
    left_over: int
    seconds: float


async def lease_calls(database: Database, kind: Kind, *, quota: int, wanted: int) -> Block:
    """Up to `wanted` calls of today's quota; none at its end. Raises `Retryable`: then they count as used."""
    (row,) = await database.fetch(_statement("lease_quota", kind), quota, wanted)
    return Block(row["day"], row["calls"], row["left_over"], row["seconds"])


async def read_quota(database: Database, kind: Kind, *, daily: int) -> Quota | None:
    """What is left of today's quota, without leasing any of it; None without a quota (0). Raises `Retryable`."""
    if not daily:
        return None
    (row,) = await database.fetch(_statement("read_quota", kind))
    return Quota(max(0, daily - row["leased"]), row["seconds"], daily)


async def return_calls(database: Database, kind: Kind, *, day: date, count: int) -> None:
    """Give back what was not used. Raises `Retryable`."""
    await database.fetch(_statement("return_quota", kind), day, count)


def _statement(name: str, kind: Kind) -> str:
    return statement(name).replace("{table}", _TABLES[kind])
