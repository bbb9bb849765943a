"""Ends entries: writes outcomes in group commits, and only then acknowledges.

Guarantee: persist, then acknowledge. An outcome in hand is written however long PostgreSQL is away, while its entry's
lease is renewed. If the process dies before the write, the work is done again; if it dies between write and
acknowledgement, the next delivery finds nothing open and only acknowledges.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from monitoring.metrics import Metrics
from registration.batching import GroupCommit
from registration.checks import Kind
from registration.errors import Retryable
from registration.handles import EMAIL_LINK_SECONDS, PHONE_CODE_SECONDS
from registration.runtime import insist
from registration.settings import Settings
from registration.store.database import Database
from registration.store.pauses import pause
from registration.store.work import Delay, Outcome, Unasked, Verdict, Work, put_off, record_outcomes
from registration.streams.streams import Entry, Streams
from verify_workers.dead_letter_cap import DeadLetterCap

log = structlog.get_logger(__name__)

_BATCH_LIMIT = 256
_QUEUE_LIMIT = 100_000


class Completed(msgspec.Struct, frozen=True):
    """What came of a registration's entries, usually one; no outcome when there was nothing left to do.

    `entries` is the processor's own list: an entry that joins while the outcome is being written ends with it.
    """

    entries: Sequence[Entry]
    outcome: Outcome | Unasked | None


class Completer:
    """Run `run` beside it."""

    def __init__(
        self,
        *,
        kind: Kind,
        settings: Settings,
        database: Database,
        streams: Streams,
        cap: DeadLetterCap,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._cap = cap
        self._kind = kind
        self._database = database
        self._streams = streams
        self._metrics = metrics
        self._challenge_seconds = EMAIL_LINK_SECONDS if kind is Kind.EMAIL else PHONE_CODE_SECONDS
        sizes = metrics.commit_size.labels("outcomes")
        waits = metrics.commit_wait_seconds.labels("outcomes")

        def observe(size: int, waited_seconds: float) -> None:
            sizes.observe(size)
            waits.observe(waited_seconds)

        self._commits: GroupCommit[Completed, None] = GroupCommit(
            self._commit, batch_limit=_BATCH_LIMIT, queue_limit=_QUEUE_LIMIT, observe=observe
        )

    def complete(self, entries: Sequence[Entry], outcome: Outcome | Unasked | None) -> asyncio.Future[None]:
        """Write and acknowledge; the future ends when both are done."""
        return self._commits.submit(Completed(entries, outcome))

    async def run(self) -> None:
        """Write what comes, batch after batch."""
        await self._commits.run()

    async def _commit(self, batch: Sequence[Completed]) -> Sequence[None]:
        outcomes, too_many = self._cap.apply([done.outcome for done in batch if isinstance(done.outcome, Outcome)])
        if outcomes:
            await self._record(outcomes)
        if unasked := [done.outcome.work for done in batch if isinstance(done.outcome, Unasked)]:
            await self._put_off(unasked)
        if too_many is not None:
            await self._pause(too_many)
        try:
            await self._streams.acknowledge([entry for completed in batch for entry in completed.entries])
        except Retryable as error:
            # What was not acknowledged is delivered again, finds nothing open, and is acknowledged then.
            log.warning("not acknowledged", kind=self._kind, cause=error.cause, count=len(batch))
        return [None] * len(batch)

    async def _pause(self, cause: str) -> None:
        """Have a person look before more work of this kind ends as dead letters."""
        new = await insist(
            lambda: pause(
                self._database, self._kind, reason=f"too much would be set aside: {cause}", by="dead-letter cap"
            ),
            role="completer",
        )
        if new:
            log.error("kind paused: too much would be set aside", kind=self._kind, cause=cause)

    async def _record(self, outcomes: Sequence[Outcome]) -> None:
        moved = await insist(
            lambda: record_outcomes(self._database, self._kind, outcomes, challenge_seconds=self._challenge_seconds),
            role="completer",
        )
        await self._count(outcomes, moved)

    async def _put_off(self, works: Sequence[Work]) -> None:
        settings = self._settings
        await insist(
            lambda: put_off(
                self._database,
                self._kind,
                works,
                least_seconds=settings.retry_base_seconds,
                most_seconds=settings.retry_cap_seconds,
            ),
            role="completer",
        )
        self._metrics.held_back.labels(self._kind).inc(len(works))

    async def _count(self, outcomes: Sequence[Outcome], moved: frozenset[UUID]) -> None:
        metrics = self._metrics
        written = [outcome.result for outcome in outcomes if outcome.work.registration_id in moved]
        metrics.stale.labels(self._kind).inc(len(outcomes) - len(written))
        delays = Counter(result.cause for result in written if isinstance(result, Delay))
        for cause, count in delays.items():
            metrics.delays.labels(self._kind, cause).inc(count)
        verdicts = Counter((result.state, result.reason or "") for result in written if isinstance(result, Verdict))
        for (state, reason), count in verdicts.items():
            metrics.verdicts.labels(self._kind, state, reason).inc(count)
        if verdicts:
            with suppress(Retryable):  # a count for people: without Valkey it is too low for a while
                await self._streams.tally(self._kind, verdicts.total())
