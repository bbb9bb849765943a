"""What on-call reads and mends: the ledger and the dead letters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registration.checks import Kind, State
from registration.store.database import Database
from registration.store.statements import statement


class Ledger(msgspec.Struct, frozen=True):
    """The books of one snapshot: accepted registrations, states per check, contradictions (all zero when sound).

    `without` is how many registrations have no such check: a photo or student check that has not begun.
    """

    accepted: int
    states: Mapping[Kind, Mapping[State, int]]
    without: Mapping[Kind, int]
    discrepancies: Mapping[str, int]

    @property
    def wrong(self) -> int:
        """For how many registrations a check is missing, or two books contradict each other; some may count twice."""
        sums = [sum(counts.values()) + self.without.get(kind, 0) for kind, counts in self.states.items()]
        return sum(abs(self.accepted - total) for total in sums) + sum(self.discrepancies.values())

    @property
    def balances(self) -> bool:
        """Whether every check accounts for every registration and no two books contradict each other."""
        return not self.wrong


class DeadLetter(msgspec.Struct, frozen=True):
    """Work that was set aside."""

    id: int
    registration_id: UUID
    kind: Kind
    cause: str
    attempts: int
    died_at: datetime


class DeadLetterCount(msgspec.Struct, frozen=True):
    """Dead letters of one cause."""

    kind: Kind
    cause: str
    count: int
    oldest: datetime


async def read_ledger(database: Database, *, timeout_seconds: float | None = None) -> Ledger:
    """The books as they stand, in one snapshot; each statement may take so long."""
    states: dict[Kind, dict[State, int]] = {kind: dict.fromkeys(State, 0) for kind in Kind}
    without: dict[Kind, int] = {}
    accepted = 0
    async with database.snapshot(timeout_seconds=timeout_seconds) as connection:
        for row in await connection.fetch(statement("ledger_states")):
            if row["check_name"] == "accepted":
                accepted = row["count"]
            elif row["state"] == "none":
                without[Kind(row["check_name"])] = row["count"]
            else:
                states[Kind(row["check_name"])][State(row["state"])] = row["count"]
        rows = await connection.fetch(statement("ledger_discrepancies"))
    return Ledger(accepted, states, without, {row["discrepancy"]: row["count"] for row in rows})


async def list_dead_letters(
    database: Database, *, kind: Kind | None, cause: str | None, limit: int
) -> Sequence[DeadLetter]:
    """The latest dead letters that wait for a person."""
    rows = await database.fetch(statement("list_dead_letters"), kind, cause, limit)
    return [
        DeadLetter(row["id"], row["registration_id"], Kind(row["kind"]), row["cause"], row["attempts"], row["died_at"])
        for row in rows
    ]


async def count_dead_letters(database: Database) -> Sequence[DeadLetterCount]:
    """Dead letters that wait for a person, by kind and cause."""
    rows = await database.fetch(statement("count_dead_letters"))
    return [DeadLetterCount(Kind(row["kind"]), row["cause"], row["count"], row["oldest"]) for row in rows]


async def replay_dead_letters(
    database: Database, kind: Kind, *, cause: str | None, limit: int, before: datetime | None = None
) -> int:
    """Give the oldest dead letters of a kind back to the workers, of those that died before then; returns how many."""
    return len(await database.fetch(statement("replay_dead_letters", kind), cause, limit, before))
