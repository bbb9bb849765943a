"""Limits on what one subject may do in an hour: registrations of a NIK, phone, e-mail domain or IPv6 /64, and photos.

Never of an IPv4 address: a whole town may share one. Only what was newly stored counts, so a retry costs nothing.

Each process counts for itself and refuses by that at once. A subject that it sees a second time is also charged,
behind the commit, to the sketches that all processes share in Valkey, and what those say is learnt. So the accept path
never waits for Valkey, honest crowds cost it nothing, and without it the limits still hold for each process. All
processes together let a subject exceed a limit by at most one registration each, and by what arrives before they know.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from uuid import UUID

import msgspec
import structlog

from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.digests import KeyedDigest
from registration.errors import Overloaded, Retryable
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.streams.limits import Uses, charge
from registration.streams.streams import Streams

log = structlog.get_logger(__name__)

# A limit and the keyed digest of whom it is on.
Subject = tuple[str, bytes]

WINDOW_SECONDS = 3_600
SHARE_SECONDS = 0.05  # between two charges: a busy mail domain is then charged once for all of them
_QUEUE_LIMIT = 20_000
_BATCH_LIMIT = 500
_KNOWN_DOMAINS = 4_096
_COUNTED_SUBJECTS = 100_000  # the newest so many to twice as many
_CODES = {"nik": "too_many_for_nik"}
_OTHER_CODE = "rate_limited"


class Refusal(msgspec.Struct, frozen=True):
    """Why somebody may not come in now: what an `Overloaded` will say.

    No error yet, since an error that the raising frame still has in hand is a cycle, which only the garbage collector
    ends. In a rush, thousands of these stopped the process for 50 ms at a time.
    """

    code: str
    retry_after_seconds: float

    def error(self) -> Overloaded:
        """To be raised."""
        return Overloaded(self.code, self.retry_after_seconds)


class Limits:
    """Repeat `run_once` beside it, `SHARE_SECONDS` apart.

    `clock` is in seconds since the epoch: all processes must agree on the window.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        ring: KeyRing,
        streams: Streams,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ceilings = {
            "nik": settings.limit_per_nik,
            "phone": settings.limit_per_phone,
            "domain": settings.limit_per_email_domain,
            "network": settings.limit_per_ipv6_network,
            "photo": settings.limit_photos,
        }
        self._exempt = frozenset(settings.limit_exempt_email_domains)
        self._digest = digest = KeyedDigest(ring, "limit")
        # Registrations by the thousand share a few mail domains.
        self._domain_digest = lru_cache(_KNOWN_DOMAINS)(lambda domain: digest(b"domain " + domain.encode()))
        self._streams = streams
        self._limited = metrics.limited
        self._clock = clock
        self._window = 0
        self._counts = _Counts()
        self._over: dict[bytes, str] = {}
        self._uses: dict[Subject, int] = {}  # not yet shared
        self._used = asyncio.Event()

    def subjects(self, person: Applicant, *, nik_digest: bytes, network: bytes | None) -> tuple[Subject, ...]:
        """What a registration counts under: limits, and keyed digests, so that Valkey names nobody."""
        subjects = [("nik", nik_digest), ("phone", self._digest(b"phone " + person.phone.encode()))]
        domain = person.email.rpartition("@")[2]
        if domain not in self._exempt:
            subjects.append(("domain", self._domain_digest(domain)))
        if network is not None:
            subjects.append(("network", self._digest(b"network " + network)))
        return tuple(subjects)

    def photo_subjects(self, registration_id: UUID) -> tuple[Subject, ...]:
        """What a photo counts under."""
        return (("photo", self._digest(b"photo " + registration_id.bytes)),)

    def refusal(self, subjects: Sequence[Subject]) -> Refusal | None:
        """What to answer, until the window's end, when one of these subjects has used up its hour."""
        self._turn_window()
        if not self._over:
            return None
        for limit, subject in subjects:
            if subject in self._over:
                self._limited.labels(limit).inc()
                left = (self._window + 1) * WINDOW_SECONDS - self._clock()
                return Refusal(_CODES.get(limit, _OTHER_CODE), max(1.0, left))
        return None

    def count(self, subjects: Sequence[Subject]) -> None:
        """Count what was newly stored."""
        for subject in subjects:
            count = self._counts.add(subject[1])
            if count > 1:
                self._share(subject, 2 if count == 2 else 1)  # noqa: PLR2004 - the first use goes with the second
                self._note(*subject, count)

    async def run_once(self) -> None:
        """Wait for uses and charge all there are; what Valkey does not take is counted here only."""
        await self._used.wait()
        self._used.clear()
        uses = [Uses(limit, digest, amount) for (limit, digest), amount in self._uses.items()]
        self._uses = {}
        for start in range(0, len(uses), _BATCH_LIMIT):
            batch = uses[start : start + _BATCH_LIMIT]
            try:
                counts = await charge(self._streams, batch, window=self._window, window_seconds=WINDOW_SECONDS)
            except Retryable as error:
                log.warning("limits are not shared", cause=error.cause, count=len(uses) - start)
                return
            for use, count in zip(batch, counts, strict=True):
                self._note(use.limit, use.subject, count)

    def _share(self, subject: Subject, amount: int) -> None:
        earlier = self._uses.get(subject, 0)
        if earlier or len(self._uses) < _QUEUE_LIMIT:
            self._uses[subject] = earlier + amount
            self._used.set()

    def _note(self, limit: str, subject: bytes, count: int) -> None:
        if count >= self._ceilings[limit]:
            self._over[subject] = limit

    def _turn_window(self) -> None:
        window = int(self._clock()) // WINDOW_SECONDS
        if window != self._window:
            self._window = window
            self._counts = _Counts()
            self._over.clear()


class _Counts:
    """How often the newest subjects were seen: two generations, of which the elder is dropped when both are full."""

    def __init__(self) -> None:
        self._newer: dict[bytes, int] = {}
        self._elder: dict[bytes, int] = {}

    def add(self, subject: bytes) -> int:
        """Count the subject once more; returns its count."""
        count = self._newer.get(subject)
        if count is None:
            if len(self._newer) >= _COUNTED_SUBJECTS:
                self._newer, self._elder = {}, self._newer
            count = self._elder.get(subject, 0)
        self._newer[subject] = count = count + 1
        return count
