"""The test as PostgreSQL keeps it: one attempt per applicant and wave, every answer as soon as it is given.

Guarantee: the server's clock alone decides what is in time. An answer is committed before it is confirmed; after the
deadline or the submission nothing changes any more. A scorer that dies leaves its attempts to the next one.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registration.assessment import QUESTIONS, Scores
from registration.store.database import Database, Row
from registration.store.statements import statement


class Attempt(msgspec.Struct, frozen=True):
    """An applicant's attempt. `answers`: the place of each chosen option, or None; `now` is PostgreSQL's."""

    wave: int
    bank_version: int
    started_at: datetime
    deadline_at: datetime
    answers: tuple[int | None, ...]
    submitted_at: datetime | None
    scores: Scores | None
    now: datetime

    @property
    def ended(self) -> bool:
        """Whether nothing can be answered any more."""
        return self.submitted_at is not None or self.now >= self.deadline_at


class Unscored(msgspec.Struct, frozen=True):
    """An attempt that has ended."""

    registration_id: UUID
    wave: int
    bank_version: int
    answers: tuple[int | None, ...]


async def start(
    database: Database, registration_id: UUID, *, bank_version: int, minutes: int, asks_students: bool
) -> Attempt | None:
    """Begin the only attempt in the open wave, or find it again; None when no wave is open or checks are missing."""
    row = await database.fetch_row(
        statement("start_assessment"), registration_id, bank_version, minutes, QUESTIONS, asks_students
    )
    return None if row is None else attempt_of(row)


async def save_answers(database: Database, registration_id: UUID, answers: Sequence[int | None]) -> bool:
    """Save answers, the place of the chosen option of each question; None keeps what was there.

    Returns False when no attempt runs: it has ended, or there is none.
    """
    return await database.fetch_row(statement("save_answers"), registration_id, answers) is not None


async def submit(database: Database, registration_id: UUID) -> bool:
    """End the attempt that runs by hand; False when there is none."""
    return await database.fetch_row(statement("submit_assessment"), registration_id) is not None


async def score_ended(database: Database, score: Callable[[Unscored], Scores], *, bank_version: int, limit: int) -> int:
    """Score attempts that have ended, drawn from this version of the bank, as one commit; returns how many."""
    async with database.transaction() as connection:
        rows = await connection.fetch(statement("find_unscored"), bank_version, limit)
        found = [
            Unscored(row["registration_id"], row["wave"], row["bank_version"], tuple(row["answers"])) for row in rows
        ]
        scores = [score(item) for item in found]
        if found:
            await connection.fetch(
                statement("record_scores"),
                [item.registration_id for item in found],
                [item.wave for item in found],
                [item.motivation for item in scores],
                [item.maths for item in scores],
            )
    return len(found)


def attempt_of(row: Row) -> Attempt:
    """The attempt in a row that has its columns."""
    scored = row["motivation"] is not None
    return Attempt(
        wave=row["test_wave"],
        bank_version=row["bank_version"],
        started_at=row["started_at"],
        deadline_at=row["deadline_at"],
        answers=tuple(row["answers"]),
        submitted_at=row["submitted_at"],
        scores=Scores(row["motivation"], row["maths"]) if scored else None,
        now=row["now"],
    )
