"""How long a NIK check will still take, from how fast the front of the queue has moved.

The queue is in the order of arrival: whoever came at 10.00 is at the front when the front has come to 10.00. Where the
front stood at two moments gives its speed, and two looks into an index every quarter of a minute are all it costs,
however long the backlog.

Guarantee: nothing is said unless it was seen: not in the first minute, not while the front stands still, not while the
system's trouble delays checks, and not unless workers have recorded verdicts in the last minute. Holds no work in hand.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from registration.checks import Kind
from registration.store.database import Database
from registration.store.forecast import Front, read_front
from registration.streams.streams import Streams

LOOK_SECONDS = 15.0
_LEAST_SPAN_SECONDS = 60.0
_LOOKS_KEPT = 24  # six minutes
_LEAST_SECONDS = 60.0
_MOST_DELAYED = 0.2


class _Look(msgspec.Struct, frozen=True):
    """Where the front stood, in seconds since the epoch; at the time of the look itself when nobody waited."""

    at: float
    front: float
    trouble: bool


class Forecast:
    """Repeat `run_once` beside it. `clock` is in seconds since the epoch."""

    def __init__(self, database: Database, streams: Streams, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._streams = streams
        self._clock = clock
        self._looks: dict[bool, deque[_Look]] = {first: deque(maxlen=_LOOKS_KEPT) for first in (True, False)}

    async def run_once(self) -> None:
        """Look at both fronts once; raises `Retryable`."""
        verdicts_per_second = await self._streams.tally(Kind.NIK)
        for first, looks in self._looks.items():
            front = await read_front(self._database, goes_first=first)
            looks.append(self._look(front, verdicts_per_second))

    def seconds_left(self, received_at: datetime, *, goes_first: bool) -> float | None:
        """How long whoever came then will still wait; None when that is not known."""
        looks = self._looks[goes_first]
        if not looks or looks[-1].trouble or self._clock() - looks[-1].at > _LEAST_SPAN_SECONDS:
            return None
        oldest, newest = looks[0], looks[-1]
        ahead = received_at.timestamp() - newest.front
        if ahead <= 0 and newest.at - newest.front <= _LEAST_SPAN_SECONDS:
            return _LEAST_SECONDS  # the queue is short: a worker is on it
        span = newest.at - oldest.at
        moved = newest.front - oldest.front
        if span < _LEAST_SPAN_SECONDS or moved <= 0:
            return None
        return max(_LEAST_SECONDS, ahead * span / moved)

    def _look(self, front: Front, verdicts_per_second: float) -> _Look:
        now = self._clock()
        since = now if front.since is None else front.since.timestamp()
        delayed = front.looked_at > 0 and front.delayed / front.looked_at > _MOST_DELAYED
        idle = verdicts_per_second <= 0 and now - since > _LEAST_SPAN_SECONDS
        return _Look(now, since, delayed or idle)
