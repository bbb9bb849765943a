"""What a worker saw of the registry since it last told: the raw material of whoever steers.

Lost with the process, which costs the one who steers a tenth of a second of sight. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from registration.errors import Retryable
from verify_workers.ministry.breaker import QUOTA

BUSY: Final = "ministry_busy"
TIMEOUT: Final = "ministry_timeout"
_SAMPLE = 64
# An identity that brought nothing so often before says nothing new about the registry.
_TELLING_FAILURES = 2


class Sight(msgspec.Struct, frozen=True):
    """Answers, with the seconds that some of them took; calls without one, by cause.

    `quota` holds fingerprints of the identities that were told that the day's quota is used up.
    """

    answered: int = 0
    latencies: Sequence[float] = ()
    failures: Mapping[str, int] = msgspec.field(default_factory=dict)
    quota: frozenset[bytes] = frozenset()


class Observed:
    """Collects; `take` gives what was collected and starts anew."""

    def __init__(self) -> None:
        self._delay_seconds = 0.0
        self._start()

    def answered(self, seconds: float) -> None:
        """A call brought an answer, whatever it says."""
        self._answered += 1
        if len(self._latencies) < _SAMPLE:
            self._latencies.append(seconds)
        else:
            self._latencies[self._answered % _SAMPLE] = seconds

    def failed(self, error: Retryable, identity: bytes, *, failures: int) -> None:
        """A call brought trouble, for an identity that had brought it `failures` times before.

        Who fails again and again does not count against the registry, else a few of them, asked at every turn, would
        keep it shut for all others. The retry budget keeps such calls few. A 429 is about us, whoever was asked about.
        """
        if error.cause == BUSY:
            self._delay_seconds = max(self._delay_seconds, error.retry_after_seconds or 0.0)
        elif failures >= _TELLING_FAILURES:
            return
        if error.cause == QUOTA:
            self._quota.add(identity[:8])
        else:
            self._failures[error.cause] += 1

    def take(self) -> Sight | None:
        """What was seen since the last time; None when it was nothing."""
        if not (self._answered or self._failures or self._quota):
            return None
        sight = Sight(self._answered, self._latencies, self._failures, frozenset(self._quota))
        self._start()
        return sight

    def take_delay(self) -> float:
        """The longest Retry-After since the last time, 0 for none."""
        seconds, self._delay_seconds = self._delay_seconds, 0.0
        return seconds

    def _start(self) -> None:
        self._answered = 0
        self._latencies: list[float] = []
        self._failures: Counter[str] = Counter()
        self._quota: set[bytes] = set()
