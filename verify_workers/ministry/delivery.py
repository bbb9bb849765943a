"""How many answers a second the registry gives: counted over the recent past, which is as long as it takes to tell.

A rate of few answers is mostly noise, so where they are few the past reaches further back. That alone would be slow to
notice a registry that went quiet. So answers that should have come are counted as well: see `Arrears`.

Pure. Lost with its process; some round trips bring it back.
"""

from collections import deque
from collections.abc import Sequence

import msgspec

_LONGEST_ROUNDS = 8  # however few calls there are
_ROUNDING_SECONDS = 1e-6  # sums of tenths


class Window(msgspec.Struct, frozen=True):
    """What all workers saw since the last one.

    `latencies` are seconds of answered calls, all or a fair sample. `failed` are 5xx and lost connections, `throttled`
    429. `in_flight` is the number of calls under way at the end.
    """

    seconds: float
    answered: int = 0
    latencies: Sequence[float] = ()
    failed: int = 0
    throttled: int = 0
    timed_out: int = 0
    in_flight: float = 0.0

    @property
    def bad(self) -> int:
        """Calls that brought nothing."""
        return self.failed + self.throttled + self.timed_out


class Delivery:
    """The last windows: at least a round trip of them, and `enough_calls` or eight round trips."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0  # of the last answers; stands while there are none
        self.forget()

    def forget(self) -> None:
        """What is to come has nothing to do with what was."""
        self._windows: deque[tuple[Window, int]] = deque()
        self.is_whole = False  # long enough to tell a rate
        self.answered = self.bad = 0
        self._seconds = self._in_flight = self._latency_sum = 0.0
        self._slots = self._latencies = 0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self._seconds if self._seconds > 0 else 0.0

    @property
    def in_flight(self) -> float:
        """Mean of the calls under way."""
        return self._in_flight / max(1, len(self._windows))

    @property
    def slots(self) -> float:
        """Mean of the limits that the workers knew of."""
        return self._slots / max(1, len(self._windows))

    def add(self, window: Window, *, round_seconds: float, enough_calls: int, slots: int = 0) -> None:
        """Take in what was seen last, when a round trip took `round_seconds` and workers knew of `slots`."""
        self._count(window, slots, 1)
        self._windows.append((window, slots))
        while len(self._windows) > 1 and self._is_enough(self._windows[0][0], round_seconds, enough_calls):
            self._count(*self._windows.popleft(), -1)
        self.is_whole = self._is_enough(_NOTHING, round_seconds, enough_calls)
        if self._latencies:
            self.latency_seconds = self._latency_sum / self._latencies

    def _count(self, window: Window, slots: int, sign: int) -> None:
        self._seconds += sign * window.seconds
        self._in_flight += sign * window.in_flight
        self._latency_sum += sign * sum(window.latencies)
        self._latencies += sign * len(window.latencies)
        self._slots += sign * slots
        self.answered += sign * window.answered
        self.bad += sign * window.bad

    def _is_enough(self, without: Window, round_seconds: float, enough_calls: int) -> bool:
        seconds = self._seconds - without.seconds + _ROUNDING_SECONDS
        calls = self.answered + self.bad - without.answered - without.bad
        return seconds >= round_seconds and (calls >= enough_calls or seconds >= _LONGEST_ROUNDS * round_seconds)


_NOTHING = Window(0.0)


class Arrears:
    """Answers that should have come since the last time that none was missing, at a part of the rate of before.

    A registry that keeps that part of its rate catches up again and again; one that lost more falls behind for good.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self.clear()

    def clear(self) -> None:
        """Nothing is expected, until a rate is known again."""
        self._rate = self.missing = self.seconds = 0.0

    def expect(self, rate: float) -> None:
        """From now on."""
        self._rate = rate

    def add(self, window: Window) -> None:
        """Take in what came."""
        self.missing += self._share * self._rate * window.seconds - window.answered
        self.seconds += window.seconds
        if self.missing <= 0:
            self.missing = self.seconds = 0.0
