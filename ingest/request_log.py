"""A log of requests that costs the hot path next to nothing: one in so many, and failures of the server.

A line has the route's pattern, status and duration, never an address or a header; `count` says for how many requests
it stands. While the front door refuses a crowd with 503, failures come by the thousand: then one line a tenth of a
second stands for all of them, since the log must not cost what refusing saves. Counts not yet written are lost with the
process; metrics count every request.
"""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

SERVER_ERROR = 500
FAILURE_PAUSE_SECONDS = 0.1


class RequestLog:
    """Told of every answer. `every` 0 leaves only the failures; `clock` counts seconds and never goes back."""

    def __init__(self, every: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._left = every  # from 0 it falls below, and never meets 0 again
        self._clock = clock
        self._failures_from = clock()
        self._failures_unsaid = 0

    def note(self, route: str, status: int, seconds: float) -> None:
        """Write a line, or only count."""
        if status >= SERVER_ERROR:
            self._note_failure(route, status, seconds)
            return
        self._left -= 1
        if self._left:
            return
        self._left = self._every
        log.info("request", route=route, status=status, seconds=round(seconds, 6), count=self._every)

    def _note_failure(self, route: str, status: int, seconds: float) -> None:
        self._failures_unsaid += 1
        now = self._clock()
        if now < self._failures_from:
            return
        count, self._failures_unsaid = self._failures_unsaid, 0
        self._failures_from = now + FAILURE_PAUSE_SECONDS
        log.warning("request failed", route=route, status=status, seconds=round(seconds, 6), count=count)
