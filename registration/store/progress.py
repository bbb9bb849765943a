"""How far an applicant is in phases two and three: the wave, the test, whether joined, the result. One indexed read."""

from datetime import datetime
from uuid import UUID

import msgspec

from registration.store.assessments import Attempt, attempt_of
from registration.store.database import Database, Row
from registration.store.statements import statement
from registration.waves import Wave


class Participation(msgspec.Struct, frozen=True):
    """In which wave an applicant takes part, under which ticket."""

    wave: int
    ticket: UUID
    joined_at: datetime


class Result(msgspec.Struct, frozen=True):
    """What came of the newest wave that was announced. No `rank`: selected in another wave before."""

    wave: int
    ticket: UUID
    rank: int | None
    selected: bool


class Progress(msgspec.Struct, frozen=True):
    """All of it at one instant, `now` by PostgreSQL's clock. `wave` is the open one (`open`) or else the next.

    `attempt` and `participation` are of the open wave or, when none is open, of the newest that the applicant tried.
    """

    now: datetime
    complete: bool
    benefits: bool
    wave: Wave | None
    open: bool
    seed_commitment: str | None
    attempt: Attempt | None
    participation: Participation | None
    result: Result | None


async def read_progress(database: Database, registration_id: UUID, *, asks_students: bool) -> Progress | None:
    """An applicant's progress; None when there is no such registration."""
    row = await database.fetch_row(statement("read_progress"), registration_id, asks_students)
    return None if row is None else _progress(row)


def _progress(row: Row) -> Progress:
    return Progress(
        now=row["now"],
        complete=row["complete"],
        benefits=row["benefits"],
        wave=_wave(row),
        open=bool(row["open"]),
        seed_commitment=row["seed_commitment"],
        attempt=None if row["test_wave"] is None else attempt_of(row),
        participation=None
        if row["ticket"] is None
        else Participation(row["joined_wave"], row["ticket"], row["joined_at"]),
        result=None
        if row["result_wave"] is None
        else Result(row["result_wave"], row["result_ticket"], row["rank"], row["selected"]),
    )


def _wave(row: Row) -> Wave | None:
    return None if row["number"] is None else Wave(row["number"], row["opens_at"], row["closes_at"], row["quota"])
