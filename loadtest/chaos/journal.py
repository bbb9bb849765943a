"""Every move of every check, written down by PostgreSQL itself: what happened, not what a worker believes.

The book is a table and a trigger that are there for the fault run only.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec

from registration.checks import MOVES, Kind, Move, Reason, State
from registration.store.database import Database


class MoveCount(msgspec.Struct, frozen=True):
    """A kind of move and how often it was made. `steps` is by how much the check's version grew."""

    kind: str
    source: str
    target: str
    steps: int
    reason: str
    count: int

    @property
    def is_legal(self) -> bool:
        """Whether the table of moves has it. A NIK that is verified and at once outrun moves two steps in one write."""
        kind, source, target = Kind(self.kind), State(self.source), State(self.target)
        known = any(source in step.sources and target is step.target for step in MOVES[kind].values())
        outrun = self.reason == Reason.NIK_ALREADY_REGISTERED and source in MOVES[Kind.NIK][Move.OUTRUN].sources
        return known and (self.steps == 1 or (outrun and self.steps in {1, 2}))


async def open_journal(database: Database) -> None:
    """Begin to write down."""
    # One after another: a prepared statement is one statement, and this file has four.
    for statement in sql("journal").split("\n\n"):
        await database.fetch(statement)


async def read_moves(database: Database) -> Sequence[MoveCount]:
    """What moved so far, by kind of move."""
    return [MoveCount(**dict(row)) for row in await database.fetch(sql("moves"))]


async def count_doubles(database: Database) -> int:
    """Moves that were made twice; zero in a sound system."""
    (row,) = await database.fetch(sql("doubles"))
    return int(row["count"])


async def read_challenges(database: Database) -> Mapping[tuple[str, str], int]:
    """How many links or codes were made, by registration and kind, where it was more than one."""
    return {(row["id"].hex, row["kind"]): row["count"] for row in await database.fetch(sql("challenges"))}


@cache
def sql(name: str) -> str:
    """One of this folder's statements."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
