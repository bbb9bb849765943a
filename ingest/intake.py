"""The accept path: examine → seal → group commit → receipt.

Guarantee: a receipt exists only for a registration that is committed in PostgreSQL. The same idempotency key always
leads to the same row. If the process dies in between, the client has no receipt and its retry with the same key finds
out.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ingest.admission import Admission
from ingest.limits import Limits, Refusal, Subject
from ingest.shortcut import Shortcut
from monitoring.metrics import Metrics
from registration import applicant
from registration.batching import READ_LIMIT, GroupCommit
from registration.checks import FROM_THE_START
from registration.clock import Clock, Today
from registration.digests import Digests
from registration.errors import Overloaded, Rejected
from registration.sealing import Sealer
from registration.settings import Settings
from registration.store import intake as store
from registration.store.database import Database
from registration.streams import keys

_NEW_WORK_STREAMS = tuple(keys.stream(kind) for kind in FROM_THE_START)
_IN_FLIGHT_RETRY_SECONDS = 1.0


class _Arrival(msgspec.Struct, frozen=True):
    """A registration in the queue, and what it will be counted under once it is stored."""

    id: UUID
    submission: applicant.Submission
    person: applicant.Applicant
    nik_digest: bytes
    subjects: tuple[Subject, ...]


class Intake:
    """Takes in registrations; run `run_writer` and `run_finder` beside it."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        database: Database,
        shortcut: Shortcut,
        admission: Admission,
        limits: Limits,
        sealer: Sealer,
        digests: Digests,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._shortcut = shortcut
        self._admission = admission
        self._limits = limits
        self._sealer = sealer
        self._digests = digests
        self._today = Today(clock)
        self._retry_after_seconds = settings.retry_after_seconds
        self._accepted = metrics.registrations.labels("accepted")
        self._replayed = metrics.registrations.labels("replayed")
        self._refused = metrics.refused.labels("commit")
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
        self._finds = GroupCommit(
            self._find,
            batch_limit=READ_LIMIT,
            queue_limit=settings.batch_queue_limit,
            retry_after_seconds=settings.retry_after_seconds,
        )

    async def register(
        self, idempotency_key: str, submission: applicant.Submission, *, network: bytes | None = None
    ) -> store.Accepted:
        """Take in a registration, or find the one that this key already brought. `network` is the client's IPv6 /64.

        Raises `Rejected` (fields wrong, or the key was used with other content), `Overloaded` (too long a wait, a
        limit, or the same key is being taken in right now) and `Retryable` (the outcome is unknown).
        """
        person = self.examine(submission)
        registration_id = self._digests.registration_id(idempotency_key)
        if registration_id in self._in_flight:
            raise Overloaded("key_in_flight", _IN_FLIGHT_RETRY_SECONDS)
        nik_digest = self._digests.nik(person.nik)
        subjects = self._limits.subjects(person, nik_digest=nik_digest, network=network)
        refusal = self._refusal(subjects)
        self._in_flight.add(registration_id)
        try:
            if refusal is not None:
                accepted = await self._find_earlier(registration_id, refusal)
            else:
                arrival = _Arrival(registration_id, submission, person, nik_digest, subjects)
                accepted = await self._commits.submit(arrival)
        finally:
            self._in_flight.discard(registration_id)
        if not accepted.is_new and accepted.content_digest != self._digests.content(submission):
            raise Rejected("key_reused")
        return accepted

    def examine(self, submission: applicant.Submission) -> applicant.Applicant:
        """Check and normalise every field; raises `Rejected` with all that is wrong. Stores nothing."""
        return applicant.examine(submission, today=self._today())

    async def run_writer(self) -> None:
        """Commit what arrives, batch after batch."""
        await self._commits.run()

    async def run_finder(self) -> None:
        """Look up, batch after batch, whether those who would be refused are stored already."""
        await self._finds.run()

    def _refusal(self, subjects: tuple[Subject, ...]) -> Refusal | None:
        """Why a newcomer may not come in now, if so."""
        if not self._admission.admits(self._commits.expected_wait_seconds):
            return Refusal("overloaded", self._retry_after_seconds)
        return self._limits.refusal(subjects)

    async def _find_earlier(self, registration_id: UUID, refusal: Refusal) -> store.Accepted:
        """The registration that this key already brought; raises `Overloaded` when there is none."""
        earlier = await self._finds.submit(registration_id)
        if earlier is None:
            if refusal.code == "overloaded":
                self._refused.inc()
            raise refusal.error()
        return earlier

    async def _commit(self, batch: Sequence[_Arrival]) -> Sequence[store.Accepted]:
        accepted = await store.accept(self._database, self._registrations(batch))
        new = [item.id for item in accepted if item.is_new]
        self._shortcut.offer(_NEW_WORK_STREAMS, new)
        for arrival, item in zip(batch, accepted, strict=True):
            if item.is_new:
                self._limits.count(arrival.subjects)
        self._accepted.inc(len(new))
        self._replayed.inc(len(batch) - len(new))
        return accepted

    def _registrations(self, batch: Sequence[_Arrival]) -> Sequence[store.Registration]:
        """Step by step for all, since the same code twice in a row costs half as much (docs/performance.md)."""
        contents = [self._digests.content(arrival.submission) for arrival in batch]
        identities = [self._digests.identity(arrival.person) for arrival in batch]
        sealed = [self._sealer.seal(arrival.person, arrival.id) for arrival in batch]
        return [
            store.Registration(arrival.id, content, arrival.nik_digest, identity, closed)
            for arrival, content, identity, closed in zip(batch, contents, identities, sealed, strict=True)
        ]

    async def _find(self, ids: Sequence[UUID]) -> Sequence[store.Accepted | None]:
        found = {item.id: item for item in await store.find_accepted(self._database, ids)}
        return [found.get(item) for item in ids]
