"""The accept path: examine → seal → group commit → receipt.

Guarantee: a receipt exists only for a registration that is committed in PostgreSQL. The same idempotency key always
leads to the same row. If the process dies in between, the client has no receipt and its retry with the same key finds
out.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from ingest.shortcut import Shortcut
from monitoring.metrics import Metrics
from registration import applicant
from registration.batching import GroupCommit
from registration.checks import Kind
from registration.clock import Clock, today
from registration.digests import Digests
from registration.errors import Overloaded, Rejected
from registration.sealing import Sealer
from registration.settings import Settings
from registration.store import intake as store
from registration.store.database import Database
from registration.streams import keys

_NEW_WORK_STREAMS = tuple(keys.stream(kind) for kind in Kind)
_IN_FLIGHT_RETRY_SECONDS = 1.0


class Receipt(msgspec.Struct, frozen=True):
    """A committed registration. `replayed` when an earlier request had brought it."""

    registration_id: UUID
    received_at: datetime
    replayed: bool


class Intake:
    """Takes in registrations; run `run_writer` a few times beside it."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        database: Database,
        shortcut: Shortcut,
        sealer: Sealer,
        digests: Digests,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._shortcut = shortcut
        self._sealer = sealer
        self._digests = digests
        self._clock = clock
        self._accepted = metrics.registrations.labels("accepted")
        self._replayed = metrics.registrations.labels("replayed")
        self._in_flight: set[UUID] = set()
        sizes = metrics.commit_size.labels("registrations")
        waits = metrics.commit_wait_seconds.labels("registrations")

        def observe(size: int, waited_seconds: float) -> None:
            sizes.observe(size)
            waits.observe(waited_seconds)

        self._commits = GroupCommit(
            self._commit,
            batch_limit=settings.batch_limit,
            queue_limit=settings.batch_queue_limit,
            retry_after_seconds=settings.retry_after_seconds,
            observe=observe,
        )

    async def register(self, idempotency_key: str, submission: applicant.Submission) -> Receipt:
        """Take in a registration, or find the one that this key already brought.

        Raises `Rejected` (fields wrong, or the key was used with other content), `Overloaded` (the queue is full, or
        the same key is being taken in right now) and `Retryable` (the outcome is unknown).
        """
        person = applicant.examine(submission, today=today(self._clock))
        registration_id = self._digests.registration_id(idempotency_key)
        if registration_id in self._in_flight:
            raise Overloaded("key_in_flight", _IN_FLIGHT_RETRY_SECONDS)
        registration = store.Registration(
            id=registration_id,
            content_digest=self._digests.content(submission),
            nik_digest=self._digests.nik(person.nik),
            identity_digest=self._digests.identity(person),
            sealed=self._sealer.seal(person, registration_id),
        )
        self._in_flight.add(registration_id)
        try:
            accepted = await self._commits.submit(registration)
        finally:
            self._in_flight.discard(registration_id)
        if accepted.content_digest != registration.content_digest:
            raise Rejected("key_reused")
        return Receipt(registration_id, accepted.received_at, replayed=not accepted.is_new)

    async def run_writer(self) -> None:
        """Commit what arrives, batch after batch."""
        await self._commits.run()

    async def _commit(self, batch: Sequence[store.Registration]) -> Sequence[store.Accepted]:
        accepted = await store.accept(self._database, batch)
        new = [item.id for item in accepted if item.is_new]
        self._shortcut.offer(_NEW_WORK_STREAMS, new)
        self._accepted.inc(len(new))
        self._replayed.inc(len(batch) - len(new))
        return accepted
