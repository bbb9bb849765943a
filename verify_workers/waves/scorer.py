"""Scores tests that have ended, by hand or by the deadline.

Guarantee: an attempt is scored once, by the version of the bank that it was drawn from. A scorer that dies leaves
what it had in hand to the next; several share the work.
"""

from monitoring.metrics import Metrics
from registration.assessment import Bank, Scores, draw, score
from registration.lots import Lots
from registration.store import assessments
from registration.store.assessments import Unscored
from registration.store.database import Database

_BATCH = 500


class Scorer:
    """Scores batch after batch until none is left."""

    def __init__(self, *, database: Database, lots: Lots, bank: Bank, metrics: Metrics) -> None:
        self._database = database
        self._lots = lots
        self._bank = bank
        self._scored = metrics.scored

    async def run_once(self) -> None:
        """Score whatever has ended by now; raises `Retryable`."""
        while count := await self._score_batch():
            self._scored.inc(count)

    async def _score_batch(self) -> int:
        return await assessments.score_ended(
            self._database, self._scores, bank_version=self._bank.version, limit=_BATCH
        )

    def _scores(self, item: Unscored) -> Scores:
        paper = draw(self._bank, self._lots.paper_seed(item.registration_id, item.wave))
        return score(paper, item.answers)
