"""Finds how many calls the registry can bear at once: one controller for the whole pool of workers.

By Little's law, calls under way = answers per second x seconds per call. So *delivery rate x base latency* is what the
registry's servers hold when none of them is idle and nobody waits; `base_seconds` is the latency of a call that did not
have to wait. The limit is a multiple of that product. It follows the rate at once in either direction, and where the
rate no longer grows, neither does the limit: a registry is not pushed past about twice what it can hold.

    starting   2.0 x   until calls begin to wait for each other
    cruising   1.4 x   a short queue, so that no server is ever idle
    draining   0.7 x   for about three round trips now and then, to measure the base without a queue
    refilling  1.4 x   held for a round trip, until the rate is that of a full registry again

Errors, 429 and time-outs halve the limit, at most once a round trip, when they are more than a tenth of what came back.
While there is less work than the limit allows, the limit stands still: a rate that nobody pressed says nothing.

Interface, for the holder of the controller's lease: merge what all workers saw into one `Window` about every 0.1 s,
call `update`, spread the answer. Latencies are those of answered calls only. `knowledge` is what the next holder needs.

Pure: no clock, no input or output. If its process dies, the next holder goes on from `knowledge`, or from one call.
"""

import enum
import math
from collections import deque
from collections.abc import Sequence

import msgspec

_STARTING_GAIN = 2.0
_CRUISING_GAIN = 1.4
_DRAINING_GAIN = 0.7
# One more than the product: at one call under way there is no other way up.
_SPARE_CALLS = 1
_CALM = 1.15  # below this multiple of the base nobody waits
_QUEUED = 1.3  # from this multiple of the base the registry is full, so starting is over
_ROUND_SECONDS = 0.25  # the shortest round: what workers do arrives a tick or two later
_ROUND_CALLS = 20  # a rate of fewer calls is mostly noise
_LONGEST_ROUND = 8  # in latencies, when calls are few
_ROUNDS_BETWEEN_DRAINS = 25
_DRAIN_CALLS = 10
_LONGEST_DRAIN = 3  # in bases
_BASE_WEIGHT = 10  # calls that the base so far counts for against a drain's
_FALLEN = 0.6  # a product this much smaller asks for a new base: perhaps the registry became slower, not smaller
_FAILING = 0.1
_BLOCK_CALLS = 5
_QUEUED_BLOCKS = 2
_SURPRISE = 1.4
_CALM_GAIN = 1.6
_UP_WEIGHT = 10
_DOWN_WEIGHT = 4
_APPLICATION_LIMITED = 0.85


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


class State(enum.StrEnum):
    """What the controller is about."""

    STARTING = "starting"
    CRUISING = "cruising"
    DRAINING = "draining"
    REFILLING = "refilling"


class Knowledge(msgspec.Struct, frozen=True):
    """What a controller has found out, for the next one. No times in it: each holder has a clock of its own."""

    limit: float = 2.0
    base_seconds: float | None = None
    base_calls: int = 0


class Controller:
    """`ceiling` is the most that may ever be under way; it may be changed at any time."""

    def __init__(self, *, ceiling: int, knowledge: Knowledge | None = None) -> None:
        known = knowledge or Knowledge()
        self.ceiling = ceiling
        self.state = State.STARTING if known.base_seconds is None else State.CRUISING
        self._limit = known.limit
        self._base = known.base_seconds
        self._base_calls = known.base_calls
        self._recent: deque[Window] = deque()
        self._latency = 0.0  # mean of the last round
        self._rate = 0.0  # answers per second of the last round
        self._limits: deque[int] = deque([self.limit], maxlen=4)
        self._halved_at = -math.inf
        self._drain_at = 0.0
        self._product_at_drain = 0.0
        self._full_rate = 0.0
        self._until = 0.0
        self._low_since: float | None = None
        self._drained: list[float] = []
        self._block: list[float] = []
        self._block_seconds = 0.0
        self._queued = 0
        self._whole = False
        self._before = 0.0

    @property
    def limit(self) -> int:
        """Calls that may be under way in the whole pool, from 1 to the ceiling."""
        return int(min(max(self._limit, 1.0), max(self.ceiling, 1)))

    @property
    def base_seconds(self) -> float | None:
        """Latency of a call that does not wait; None before the first answer."""
        return self._base

    @property
    def goodput(self) -> float:
        """Answers per second over the last round trip."""
        return self._rate

    @property
    def knowledge(self) -> Knowledge:
        """What the next holder should start from."""
        limit = (
            max(self._limit, _CRUISING_GAIN * (self._base or 0.0) * self._full_rate) if self._is_low else self._limit
        )
        return Knowledge(limit=limit, base_seconds=self._base, base_calls=self._base_calls)

    @property
    def _is_low(self) -> bool:
        return self.state in {State.DRAINING, State.REFILLING}

    def update(self, now_seconds: float, window: Window) -> int:
        """Take in a window and say how many calls may be under way. `now_seconds` never goes back."""
        self._measure(window)
        if self._is_failing():
            self._halve(now_seconds)
        elif self._learn_base(window):
            self._steer(now_seconds, window)
        self._limit = float(min(max(self._limit, 1.0), max(self.ceiling, 1)))
        self._limits.append(self.limit)
        return self.limit

    # Measuring: a round is the recent past, as long as a call takes.

    def _measure(self, window: Window) -> None:
        self._recent.append(window)
        seconds, calls, kept = 0.0, 0, 0
        self._whole = False
        for one in reversed(self._recent):
            seconds, calls, kept = seconds + one.seconds, calls + one.answered + one.bad, kept + 1
            enough = calls >= _ROUND_CALLS or seconds >= _LONGEST_ROUND * self._round_seconds
            if seconds >= self._round_seconds and enough:
                self._whole = True
                break
        while len(self._recent) > kept:
            self._recent.popleft()
        latencies = [latency for one in self._recent for latency in one.latencies]
        if latencies:
            self._latency = math.fsum(latencies) / len(latencies)
        self._rate = sum(one.answered for one in self._recent) / seconds if seconds else 0.0

    @property
    def _round_seconds(self) -> float:
        return max(self._base or self._latency, _ROUND_SECONDS)

    # Trouble.

    def _is_failing(self) -> bool:
        bad = sum(one.bad for one in self._recent)
        return bad > 0 and bad >= _FAILING * (bad + sum(one.answered for one in self._recent))

    def _halve(self, now: float) -> None:
        if now < self._halved_at + self._round_seconds:
            return
        self._halved_at = now
        self._limit = self.knowledge.limit / 2
        self.state = State.STARTING if self._base is None else State.CRUISING

    # The base.

    def _learn_base(self, window: Window) -> bool:
        """Count every answer while calls do not yet wait for each other; says whether there is a base."""
        if self.state is State.STARTING:
            self._block += window.latencies
            self._block_seconds += window.seconds
            if len(self._block) >= _BLOCK_CALLS and self._block_seconds >= self._latency:
                mean = math.fsum(self._block) / len(self._block)
                is_queued = self._base is not None and mean > _QUEUED * self._base
                self._queued = self._queued + 1 if is_queued else 0
                if not is_queued:
                    self._weigh_in(self._block, weight=min(self._base_calls, len(self._block)))
                    self._base_calls += len(self._block)
                self._block, self._block_seconds = [], 0.0
        return self._base is not None

    def _weigh_in(self, latencies: Sequence[float], *, weight: int) -> None:
        before = self._base or 0.0
        mean = math.fsum(latencies) / len(latencies)
        self._base = before + (mean - before) * len(latencies) / (len(latencies) + weight)

    # Steering.

    def _steer(self, now: float, window: Window) -> None:
        base = self._base or 0.0
        match self.state:
            case State.STARTING:
                self._aim(_STARTING_GAIN, window)
                if self._queued >= _QUEUED_BLOCKS:
                    self._cruise(now, rounds=5)
            case State.CRUISING if self._whole:
                calm = self._latency < _CALM * base
                self._aim(_CALM_GAIN if calm else _CRUISING_GAIN, window)
                fallen = base * self._rate < _FALLEN * self._product_at_drain
                if not self._is_unpressed(window) and (now >= self._drain_at or fallen):
                    self._drain()
            case State.DRAINING:
                self._watch_drain(now, window)
            case State.REFILLING if now >= self._until:
                self._cruise(now, rounds=_ROUNDS_BETWEEN_DRAINS)
                self._recent.clear()
            case _:
                pass

    def _aim(self, gain: float, window: Window) -> None:
        target = gain * (self._base or 0.0) * self._rate + _SPARE_CALLS
        if target > self._limit or not self._is_unpressed(window):
            self._limit = target

    def _is_unpressed(self, window: Window) -> bool:
        """Whether there is less work than the limit allows."""
        return window.in_flight < _APPLICATION_LIMITED * min(self._limits) - 1

    def _cruise(self, now: float, *, rounds: float) -> None:
        self.state = State.CRUISING
        self._drain_at = now + rounds * self._round_seconds

    def _drain(self) -> None:
        self.state = State.DRAINING
        self._full_rate = self._rate
        self._before = self._limit
        self._lower(math.ceil(_DRAINING_GAIN * (self._base or 0.0) * self._rate))

    def _lower(self, limit: float) -> None:
        self._limit = limit
        self._low_since = None
        self._drained = []

    def _watch_drain(self, now: float, window: Window) -> None:
        """Wait until calls are few, then until those that had to wait are gone, then measure."""
        base = self._base or 0.0
        if self._low_since is None:
            if window.in_flight <= self._limit + 0.5:
                self._low_since = now
            return
        measuring_since = self._low_since + max(base, _ROUND_SECONDS / 2)
        if now < measuring_since:
            return
        self._drained += window.latencies
        elapsed = now - measuring_since
        enough = len(self._drained) >= _DRAIN_CALLS or elapsed >= _LONGEST_DRAIN * base
        if enough and elapsed >= max(base, _ROUND_SECONDS / 2):
            self._judge_drain(now)

    def _judge_drain(self, now: float) -> None:
        base = self._base or 0.0
        mean = math.fsum(self._drained) / len(self._drained) if self._drained else base
        if mean > _SURPRISE * base and self._limit > 1:
            self._base = _SURPRISE * base  # for the length of waits
            self._lower(math.ceil(self._limit / 2))
            return
        if self._drained:
            self._weigh_in(self._drained, weight=_UP_WEIGHT if mean > base else _DOWN_WEIGHT)
        self._refill(now)

    def _refill(self, now: float) -> None:
        base = self._base or 0.0
        self.state = State.REFILLING
        self._product_at_drain = base * self._full_rate
        self._limit = min(self._before, _CRUISING_GAIN * self._product_at_drain + _SPARE_CALLS)
        self._until = now + 0.2 + base
