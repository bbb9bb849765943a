"""What a verified applicant does next: the test, and joining a wave.

Guarantee: an answer is confirmed when it is committed, and a join when it is committed while the wave is open by
PostgreSQL's clock. The applicant's own clock decides nothing. If the process dies before an answer went out, asking
again changes nothing and finds out.
"""

import enum
from collections.abc import Mapping, Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from monitoring.metrics import Metrics
from registration.assessment import QUESTIONS, Bank, Paper, draw
from registration.batching import GroupCommit
from registration.errors import Overloaded, Rejected, Retryable
from registration.lots import Lots
from registration.settings import Settings
from registration.store import assessments, waves
from registration.store.assessments import Attempt
from registration.store.database import Database
from registration.store.progress import Progress, read_progress
from registration.store.waves import Joining

_REFUSALS = {
    Joining.NOT_OPEN: "wave_not_open",
    Joining.INCOMPLETE: "checks_incomplete",
    Joining.NOT_TESTED: "test_not_done",
    Joining.ALREADY_SELECTED: "already_selected",
}


class AssessmentState(enum.StrEnum):
    """Where an applicant's test stands."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    ENDED = "ended"
    SCORED = "scored"


class _Joiner(msgspec.Struct, frozen=True):
    registration_id: UUID
    wave: int


class Participation:
    """The test and joining; run `run_writer` beside it."""

    def __init__(self, *, settings: Settings, database: Database, lots: Lots, bank: Bank, metrics: Metrics) -> None:
        self._database = database
        self._lots = lots
        self._bank = bank
        self._minutes = settings.test_minutes
        self._asks_students = settings.asks_students
        self._joined = metrics.joins
        self._joins = GroupCommit(
            self._commit,
            batch_limit=settings.batch_limit,
            queue_limit=settings.batch_queue_limit,
            retry_after_seconds=settings.retry_after_seconds,
        )

    async def progress(self, registration_id: UUID) -> Progress:
        """How far an applicant is."""
        progress = await read_progress(self._database, registration_id, asks_students=self._asks_students)
        if progress is None:
            raise Rejected("not_found")
        return progress

    def paper(self, registration_id: UUID, attempt: Attempt) -> Paper:
        """The questions of an attempt, in its applicant's order. Raises `Retryable` for another version of the bank."""
        if attempt.bank_version != self._bank.version:
            raise Retryable("other_bank")  # a process of the other version, during a roll-out, has it
        return draw(self._bank, self._lots.paper_seed(registration_id, attempt.wave))

    async def start(self, registration_id: UUID) -> Attempt:
        """Begin the test of the open wave, or find it again as it stands."""
        attempt = await assessments.start(
            self._database,
            registration_id,
            bank_version=self._bank.version,
            minutes=self._minutes,
            asks_students=self._asks_students,
        )
        if attempt is None:
            progress = await self.progress(registration_id)
            raise Rejected("wave_not_open" if progress.complete else "checks_incomplete")
        return attempt

    async def answer(self, registration_id: UUID, given: Mapping[int, int]) -> None:
        """Save answers: the place of an option by the place of its question. The others stay as they were."""
        places = [given.get(place) for place in range(QUESTIONS)]
        if not await assessments.save_answers(self._database, registration_id, places):
            await self._assert_begun(registration_id)
            raise Rejected("test_ended")

    async def submit(self, registration_id: UUID) -> None:
        """End the test. Ending it again changes nothing."""
        if not await assessments.submit(self._database, registration_id):
            await self._assert_begun(registration_id)

    async def join(self, registration_id: UUID, wave: int) -> None:
        """Join a wave; raises `Rejected` with why not, `Overloaded` when too many wait."""
        try:
            outcome = await self._joins.submit(_Joiner(registration_id, wave))
        except (Overloaded, Retryable) as error:
            self._joined.labels("overloaded" if isinstance(error, Overloaded) else "failed").inc()
            raise
        self._joined.labels(outcome).inc()
        if outcome is Joining.RACED:
            raise Retryable("join_contended")
        if outcome is not Joining.JOINED:
            raise Rejected(_REFUSALS[outcome])

    async def run_writer(self) -> None:
        """Commit joins, batch after batch."""
        await self._joins.run()

    async def _assert_begun(self, registration_id: UUID) -> None:
        if (await self.progress(registration_id)).attempt is None:
            raise Rejected("test_not_started")

    async def _commit(self, batch: Sequence[_Joiner]) -> Sequence[Joining]:
        outcomes: dict[_Joiner, Joining] = {}
        for wave, joiners in groupby(sorted(batch, key=lambda item: item.wave), key=lambda item: item.wave):
            asked = list(joiners)
            ids = [item.registration_id for item in asked]
            tickets = [self._lots.ticket(item, wave) for item in ids]
            joined = await waves.join(self._database, wave, ids, tickets, asks_students=self._asks_students)
            outcomes |= zip(asked, joined, strict=True)
        return [outcomes[item] for item in batch]


def state_of(attempt: Attempt | None) -> AssessmentState:
    """Where a test stands."""
    if attempt is None:
        return AssessmentState.NOT_STARTED
    if attempt.scores is not None:
        return AssessmentState.SCORED
    return AssessmentState.ENDED if attempt.ended else AssessmentState.RUNNING
