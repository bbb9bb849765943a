"""Finds how many calls the registry can bear at once: one controller for the whole pool of workers.

By Little's law, calls under way = answers per second x seconds per call. So *delivery rate x base latency* is what the
registry's servers hold when none of them is idle and nobody waits; the base is the latency of a call that did not have
to wait. The limit is a multiple of that product. It follows the rate within a round trip in either direction, and where
the rate no longer grows, neither does the limit: a registry is not pushed past about twice what it can hold.

    starting   2.0 x   until calls begin to wait for each other, and again after trouble
    cruising   1.4 x   a short queue, so that no server is ever idle
    draining   0.7 x   for three or four round trips out of forty, to measure the base without a queue
    refilling  1.4 x   held for a round trip, until the rate is that of a full registry again

Errors, 429 and time-outs halve the limit, at most once a round trip, when they are a tenth of what came back or more.
While there is less work than the limit allows, the limit stands still: a rate that nobody pressed says nothing. Where
slots stand empty because the workers are slow to fill them, and calls are short and do not wait, it grows slowly.

Interface, for whoever steers the pool: merge what all workers saw into one `Window` about every 0.1 s, call `update`,
spread the answer. Latencies are those of answered calls only. `knowledge` is what the next holder needs.

Pure: no clock, no input or output. If its process dies, the next holder goes on from `knowledge`, or from two calls.
The law and its figures: docs/ministry-protection.md.
"""

import enum
import math
from collections import deque
from collections.abc import Sequence

import msgspec

# All found by simulation: `gelombang bench --adaptation`.
_STARTING_GAIN = 2.0
_CRUISING_GAIN = 1.4
_CALM_GAIN = 1.6  # while cruising and nobody waits
_DRAINING_GAIN = 0.7
_SPARE_CALLS = 1  # at one call under way there is no other way up
_CALM = 1.15  # below this multiple of the base nobody waits
_QUEUED = 1.3  # from this multiple of the base calls wait for each other
_SURPRISE = 1.4  # a drain that finds this multiple of the base asks again with fewer calls
_SAME = 0.8  # a latency that with half as many calls stays above this part of itself is no queue's
_ROUND_SECONDS = 0.25  # the shortest round: what workers do arrives a tick or two later
_ROUND_CALLS = 20  # a rate of fewer calls is mostly noise, so a round waits for them
_LONGEST_ROUND = 8  # but no longer than so many bases
_BLOCK_CALLS = 8  # what starting judges by
_QUEUED_BLOCKS = 2  # one alone may be chance
_ROUNDS_TO_FIRST_DRAIN, _ROUNDS_BETWEEN_DRAINS = 5, 40
_DRAIN_CALLS, _LONGEST_DRAIN = 10, 3  # measure until there are so many calls, for no more than so many bases
_MEMORY_CALLS = 20  # what is known of the base counts for at most so many calls against a drain's
_MEMORY_SURPRISED_CALLS = 8  # and for fewer once a second drain has confirmed that the registry became slower
_FALLEN = 0.6  # a product this much smaller asks for a new base: perhaps the registry became slower, not smaller
_FAILING = 0.1
_UNPRESSED = 0.85
_SHORT_SECONDS = 0.5  # a call that a busy worker's own slowness is long beside
_USED = 0.3  # from this part of the limit under way there is work, and workers that are slow to take it
_SETTLING_SECONDS = 0.2  # until workers have heard of a new limit


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
        self._limits: deque[int] = deque([self.limit], maxlen=4)
        self._base = known.base_seconds or 0.0
        self._base_calls = known.base_calls
        self._recent: deque[Window] = deque()
        self._is_round_whole = self._is_round_long = False  # long: a round trip; whole: and calls enough
        self._latency = self._rate = 0.0  # of the last round
        self._halved_at = self._grown_at = -math.inf
        # Starting.
        self._block: list[float] = []
        self._block_seconds = 0.0
        self._queued_blocks = 0
        # Draining.
        self._drain_at = 0.0
        self._low_since: float | None = None
        self._drained: list[float] = []
        self._before_drain = self._full_rate = self._product_at_drain = 0.0
        self._surprise = self._full_at = 0.0
        self._was_slack = False  # before the drain

    @property
    def limit(self) -> int:
        """Calls that may be under way in the whole pool, from 1 to the ceiling."""
        return int(min(max(self._limit, 1.0), max(self.ceiling, 1)))

    @property
    def base_seconds(self) -> float | None:
        """Latency of a call that does not wait; None before it was measured."""
        return self._base or None

    @property
    def goodput(self) -> float:
        """Answers per second over the last round trip."""
        return self._rate

    @property
    def knowledge(self) -> Knowledge:
        """What the next holder should start from; in a drain, the limit from before it."""
        is_low = self.state in {State.DRAINING, State.REFILLING}
        limit = max(self._limit, self._before_drain) if is_low else self._limit
        return Knowledge(limit=limit, base_seconds=self.base_seconds, base_calls=self._base_calls)

    def update(self, now_seconds: float, window: Window) -> int:
        """Take in a window and say how many calls may be under way. `now_seconds` never goes back."""
        self._measure(window)
        if self._is_failing():
            self._halve(now_seconds)
        else:
            self._steer(now_seconds, window)
        self._limit = float(min(max(self._limit, 1.0), max(self.ceiling, 1)))
        self._limits.append(self.limit)
        return self.limit

    def rest(self) -> None:
        """No calls went out for a while: go on from the limit of before, but forget the rates."""
        self._limit = self.knowledge.limit
        self._recent.clear()
        self._start_again()

    # Measuring: a round is the recent past, as long as a call takes and long enough to tell a rate.

    def _measure(self, window: Window) -> None:
        self._recent.append(window)
        seconds, calls, kept = 0.0, 0, 0
        self._is_round_whole = False
        for one in reversed(self._recent):
            seconds, calls, kept = seconds + one.seconds, calls + one.answered + one.bad, kept + 1
            enough = calls >= _ROUND_CALLS or seconds >= _LONGEST_ROUND * self._round_seconds
            if seconds >= self._round_seconds and enough:
                self._is_round_whole = True
                break
        while len(self._recent) > kept:
            self._recent.popleft()
        latencies = [latency for one in self._recent for latency in one.latencies]
        if latencies:
            self._latency = _mean(latencies)
        self._rate = sum(one.answered for one in self._recent) / seconds if seconds else 0.0
        self._is_round_long = seconds >= self._round_seconds

    @property
    def _round_seconds(self) -> float:
        return max(self._base or self._latency, _ROUND_SECONDS)

    @property
    def _is_calm(self) -> bool:
        return self._latency < _CALM * self._base

    @property
    def _is_slack(self) -> bool:
        """Whether slots stand empty, and nobody waits at the registry. Beside longer calls workers are never slow."""
        is_short = self._base < _SHORT_SECONDS
        return is_short and self._is_calm and self._under_way < _UNPRESSED * self._limit

    @property
    def _under_way(self) -> float:
        return sum(one.in_flight for one in self._recent) / len(self._recent)

    @property
    def _product(self) -> float:
        return self._base * self._rate

    def _is_unpressed(self, window: Window) -> bool:
        """Whether there is less work than the limit allows."""
        return window.in_flight < _UNPRESSED * min(self._limits) - 1

    # Trouble.

    def _is_failing(self) -> bool:
        bad = sum(one.bad for one in self._recent)
        return bad > 0 and bad >= _FAILING * (bad + sum(one.answered for one in self._recent))

    def _halve(self, now: float) -> None:
        if now < self._halved_at + self._round_seconds:
            return
        self._halved_at = now
        self._limit = min(self._limit, self.knowledge.limit / 2)
        self._start_again()

    def _start_again(self) -> None:
        self.state = State.STARTING
        self._queued_blocks = 0

    # Steering.

    def _steer(self, now: float, window: Window) -> None:
        match self.state:
            case State.STARTING:
                self._start(now, window)
            case State.CRUISING if self._is_round_whole:
                self._aim(_CALM_GAIN if self._is_calm else _CRUISING_GAIN, now, window)
                has_fallen = self._product < _FALLEN * self._product_at_drain
                if (now >= self._drain_at or has_fallen) and not self._is_unpressed(window):
                    self._drain()
            case State.DRAINING:
                self._watch_drain(now, window)
            case State.REFILLING if now >= self._full_at:
                self._recent.clear()
                self._cruise(now, rounds=_ROUNDS_BETWEEN_DRAINS)
            case _:
                pass

    def _aim(self, gain: float, now: float, window: Window) -> None:
        """Where slots stand empty and nobody waits, nothing is taken back, and a call more each round trip is tried.

        Workers that are slow to fill a slot deliver less than as many calls could. By the product alone the limit would
        follow them down to one call.
        """
        target = gain * self._product + _SPARE_CALLS
        if self._is_slack:
            target = max(target, self._limit + self._one_more(now))
        if target > self._limit or not self._is_unpressed(window):
            self._limit = target

    def _one_more(self, now: float) -> int:
        if now < self._grown_at + self._round_seconds or self._under_way < _USED * self._limit:
            return 0
        self._grown_at = now
        return 1

    def _cruise(self, now: float, *, rounds: int) -> None:
        self.state = State.CRUISING
        self._drain_at = now + rounds * self._round_seconds

    # Starting: every answer tells of the base, in blocks, until blocks say that calls wait for each other.

    def _start(self, now: float, window: Window) -> None:
        self._block += window.latencies
        self._block_seconds += window.seconds
        if len(self._block) >= _BLOCK_CALLS and self._block_seconds >= self._latency:
            self._judge_block()
        if self._base and self._is_round_long:
            self._aim(_STARTING_GAIN, now, window)
        if self._queued_blocks >= _QUEUED_BLOCKS:
            self._cruise(now, rounds=_ROUNDS_TO_FIRST_DRAIN)

    def _judge_block(self) -> None:
        if self._base and _mean(self._block) > _QUEUED * self._base:
            self._queued_blocks += 1
        else:
            self._queued_blocks = 0
            self._weigh_in(self._block, most=len(self._block))
        self._block, self._block_seconds = [], 0.0

    def _weigh_in(self, latencies: Sequence[float], *, most: int) -> None:
        """Count these into the base, against what is known of it, which counts for `most` calls at most."""
        known = min(self._base_calls, most)
        self._base += (_mean(latencies) - self._base) * len(latencies) / (len(latencies) + known)
        self._base_calls += len(latencies)

    # Draining: fewer calls, wait until those that had to wait are gone, measure.

    def _drain(self) -> None:
        self.state = State.DRAINING
        self._before_drain, self._full_rate, self._was_slack = self._limit, self._rate, self._is_slack
        self._surprise = 0.0
        self._lower(_DRAINING_GAIN * self._product)

    def _lower(self, limit: float) -> None:
        self._limit = math.ceil(limit)
        self._low_since = None
        self._drained = []

    def _watch_drain(self, now: float, window: Window) -> None:
        if self._low_since is None:
            if window.in_flight <= self._limit:
                self._low_since = now
            return
        expected = max(self._base, self._surprise)
        settling = max(expected, _ROUND_SECONDS / 2)
        elapsed = now - self._low_since - settling
        if elapsed < 0:
            return
        self._drained += window.latencies
        if elapsed >= settling and (len(self._drained) >= _DRAIN_CALLS or elapsed >= _LONGEST_DRAIN * expected):
            self._judge_drain(now)

    def _judge_drain(self, now: float) -> None:
        """Half as many calls tell a queue, which then goes away, from a registry that became slower."""
        mean = _mean(self._drained) if self._drained else 0.0
        if mean > _SURPRISE * self._base:
            if mean < _SAME * self._surprise or (not self._surprise and self._limit > 1):
                self._surprise = mean
                self._lower(self._limit / 2)
                return
            self._weigh_in(self._drained, most=_MEMORY_SURPRISED_CALLS)
        elif self._drained:
            self._weigh_in(self._drained, most=_MEMORY_CALLS)
        self._refill(now)

    def _refill(self, now: float) -> None:
        """Never to more than before: a base that grew says that there is less room, not more."""
        self._product_at_drain = self._base * self._full_rate
        self._limit = self._before_drain
        if self._surprise or not self._was_slack:
            self._limit = min(self._limit, _CRUISING_GAIN * self._product_at_drain + _SPARE_CALLS)
        self.state = State.REFILLING
        self._full_at = now + _SETTLING_SECONDS + self._base


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
