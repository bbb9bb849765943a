"""How full the front door is, told by how long a newcomer would wait, and what it refuses when that is too long.

Two queues are watched. The *commit queue* fills when PostgreSQL is slow: `Intake` refuses what would wait too long,
after it has answered those who are stored already. The *event loop* fills when the processor is busy: then each refusal
must cost next to nothing, or refusing is all that is done. So a connection is refused on its first bytes, before they
are parsed (`refusal`), with an answer made at start.

Nothing that was refused was stored. Both ends by themselves when the wait falls below the target.
"""

import asyncio
import random
import time
from collections.abc import Callable

from ingest import problems
from ingest.prepared import Head
from ingest.problems import Problem
from ingest.routing import REGISTRATIONS
from monitoring.metrics import Metrics

_BEAT_SECONDS = 0.02
_REFUSED_LINE = f"POST {REGISTRATIONS} ".encode()
_VARIANTS = 16  # different Retry-After, so that a crowd does not come back at once


class Admission:
    """Run `run` beside it. `clock` counts seconds and never goes back."""

    def __init__(
        self,
        *,
        target_seconds: float,
        retry_after_seconds: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target_seconds = target_seconds
        self._clock = clock
        self._due = clock() + _BEAT_SECONDS
        self._lag_seconds = 0.0
        self._refused = metrics.refused.labels("event_loop")
        self._lag_gauge = metrics.event_loop_lag_seconds
        self._refusals = [_refusal(retry_after_seconds) for _ in range(_VARIANTS)]

    def admits(self, wait_seconds: float) -> bool:
        """Whether someone who would wait so long for a commit should be let in."""
        return wait_seconds <= self._target_seconds

    @property
    def is_drowning(self) -> bool:
        """Whether what arrives waits too long for the event loop to even look at it."""
        return self._lag_seconds > self._target_seconds or self._clock() - self._due > self._target_seconds

    def refusal(self, received: bytes) -> bytes | None:
        """The whole answer to a connection's first bytes when they must be refused unread, else None."""
        if not self.is_drowning or not received.startswith(_REFUSED_LINE):
            return None
        self._refused.inc()
        return random.choice(self._refusals)  # noqa: S311 - spreads load, guards nothing

    async def run(self) -> None:
        """Feel the event loop's pulse, for ever."""
        while True:
            self._due = self._clock() + _BEAT_SECONDS
            await asyncio.sleep(_BEAT_SECONDS)
            self.beat()

    def beat(self) -> None:
        """Note how late the loop came round; a single long turn is forgotten within a few beats."""
        late = max(0.0, self._clock() - self._due)
        self._lag_seconds = max(late, self._lag_seconds / 2)
        self._lag_gauge.set(late)


def _refusal(retry_after_seconds: float) -> bytes:
    problem = Problem("overloaded", retry_after_seconds=problems.jittered(retry_after_seconds))
    body = problems.document(problem, "id")
    head = Head(
        problem.status, {"Content-Type": "application/problem+json", "Content-Language": "id", **problem.headers}
    )
    return head.encode(len(body), "\r\nConnection: close") + body
