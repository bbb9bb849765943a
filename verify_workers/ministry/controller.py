"""Finds how many calls the registry can bear at once: one controller for the whole pool of workers.

By Little's law, calls under way = answers per second x seconds per call. So *delivery rate x base latency* is what the
registry's servers hold when none of them is idle and nobody waits; the base is the latency of a call that did not have
to wait. The limit is a multiple of that product. It follows the rate within a round trip in either direction, and where
the rate no longer grows, neither does the limit: a registry is not pushed past about twice what it can hold.

    starting   1.6 x   until calls wait for each other; every answer tells of the base
    cruising   1.4 x   rounded, two at least: a short queue, so that no server is ever idle
    draining   0.85 x  for some round trips out of sixty, to measure the base without a queue
    refilling  1.4 x   held for a round trip, until the rate is that of a full registry again

A drain whose calls take longer, though they are so few that none waits, tells of a registry that became slower. The
limit had followed its rate down, so the controller starts over with that base; where it may be chance the drain lasts
longer, and comes again soon. A latency far below the base lowers it at once.

Errors, 429 and time-outs halve the limit, at most once a round trip, when they are two and a tenth of what came back,
or more. A call that timed out still holds its server, so for four round trips it counts as under way. Answers that stay
away lower the limit at once, and nothing goes out before something comes back.
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

from verify_workers.ministry.delivery import Arrears, Delivery, Window

# All found by simulation: `gelombang bench --adaptation`.
_STARTING_GAIN = 1.6
_CRUISING_GAIN = 1.4
_DRAINING_GAIN = 0.85
_FEWEST = 2  # from one call there is no way up, and two are past the knee of no registry
_ROUND_SECONDS = 0.25  # the shortest round: what workers do arrives a tick or two later
_ENOUGH_CALLS = 20  # a rate of fewer calls is mostly noise
_STARTING_CALLS = 1  # that noise is welcome while the limit grows
_FIRST_BLOCK_CALLS, _BLOCK_CALLS = 16, 8  # what starting judges by
_UNQUEUED, _QUEUED = 1.3, 1.6  # below this multiple of the base a block tells of the base; from this one calls wait
_ROUNDS_TO_SOON_DRAIN, _ROUNDS_BETWEEN_DRAINS = 5, 60
_FALLEN, _FALLEN_ROUNDS = 0.6, 3  # a product so much smaller, so long: did the registry become slower, not smaller?
_DRAIN_CALLS, _LONGEST_DRAIN = 8, 2  # measure until there are so many calls, for no more than so many bases
_SLOWER_CALLS, _LONGEST_SLOWER = 4, 8  # where they take long, up to so many means: until there are so many calls
_SURPRISE = 1.4  # a drain that finds this multiple of the base asks again with fewer calls
_CHANCE = 2.0  # standard errors of a difference of two means, or more; a call scatters by half of its mean and more
_SAME = 0.8  # a latency that with half as many calls stays above this part of itself is no queue's
_QUICKER = 0.7  # from this part of the base down a latency is no chance: the base was too long
_SETTLED = 0.9  # rate x latency is at least this part of the calls under way, unless they have just become more
_MEMORY_CALLS = 40  # what is known of the base counts for at most so many calls against a drain's
_MEMORY_SURPRISED_CALLS = 8  # and for fewer where the drain says something else
_FAILING_SHARE, _FAILING_CALLS = 0.1, 2
_GHOST_ROUNDS = 4
_EXPECTED_SHARE, _MISSING_CALLS = 0.6, 3  # so many answers too few, at this part of the rate: the registry lost servers
_SILENT_SECONDS = 1.0  # a worker on a busy machine may be that late to tell of its answers
_LOWERED = 0.6
_UNPRESSED = 0.85
_SHORT_SECONDS = 0.5  # a call that a busy worker's own slowness is long beside
_CALM = 1.15  # below this multiple of the base nobody waits
_USED = 0.3  # from this part of the limit under way there is work, and workers that are slow to take it
_SETTLING_SECONDS = 0.2  # until workers have heard of a new limit


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
        self._ghosts: deque[tuple[float, int]] = deque()  # until when, and how many
        self._is_holding = False
        self._limits: deque[int] = deque([self.limit], maxlen=4)
        self._base = known.base_seconds or 0.0
        self._base_calls = known.base_calls
        self._delivery = Delivery()  # at the full limit
        self._lately = Delivery()  # at any limit
        self._arrears = Arrears(_EXPECTED_SHARE)
        self._halved_at = self._grown_at = -math.inf
        # Starting.
        self._block: list[float] = []
        self._block_from = -math.inf
        self._block_seconds = 0.0
        # Draining.
        self._drain_at = 0.0
        self._fallen_at: float | None = None
        self._product_before = 0.0  # at the last drain, or the most while starting
        self._low_since: float | None = None
        self._drained: list[float] = []
        self._before_drain = self._full_rate = 0.0
        self._surprise = self._full_at = 0.0
        self._was_slack = False  # before the drain
        self._is_undecided = False  # the last drain could not tell a slower registry from chance

    @property
    def limit(self) -> int:
        """Calls that may be under way in the whole pool, from 1 to the ceiling; 0 while it waits for an answer."""
        if self._is_holding:
            return 0
        return int(self._bounded(self._limit - sum(calls for _, calls in self._ghosts)))

    @property
    def base_seconds(self) -> float | None:
        """Latency of a call that does not wait; None before it was measured."""
        return self._base or None

    @property
    def goodput(self) -> float:
        """Answers per second over the last round trips."""
        return self._lately.rate

    @property
    def knowledge(self) -> Knowledge:
        """What the next holder should start from; in a drain, the limit from before it."""
        is_low = self.state in {State.DRAINING, State.REFILLING}
        limit = max(self._limit, self._before_drain) if is_low else self._limit
        return Knowledge(limit=limit, base_seconds=self.base_seconds, base_calls=self._base_calls)

    def update(self, now_seconds: float, window: Window) -> int:
        """Take in a window and say how many calls may be under way. `now_seconds` never goes back."""
        self._count_ghosts(now_seconds, window)
        self._measure(window)
        if self._is_failing():
            self._halve(now_seconds)
        elif self._is_silent(window):
            self._hold(now_seconds)
        else:
            self._steer(now_seconds, window)
        self._limit = self._bounded(self._limit)
        self._limits.append(self.limit)
        return self.limit

    def rest(self) -> None:
        """Nothing goes out for a while: then go on from the limit of before, but forget the rates."""
        self._limit = self.knowledge.limit
        self._ghosts.clear()
        self._is_holding = False
        self._fallen_at = None
        self._product_before = 0.0
        self._start_again()

    def resume(self, now_seconds: float) -> None:
        """Calls have come back one by one: hold the limit until the rate is that of a full registry again."""
        self.rest()
        if self._base:
            self.state = State.REFILLING
            self._full_at = now_seconds + _SETTLING_SECONDS + self._base

    def _bounded(self, limit: float) -> float:
        return float(min(max(limit, 1.0), max(self.ceiling, 1)))

    # Measuring. A round is as long as a call takes.

    def _measure(self, window: Window) -> None:
        self._lately.add(window, round_seconds=self._round_seconds, enough_calls=_ENOUGH_CALLS)
        if self._is_holding and (window.answered or (not window.in_flight and not self._ghosts)):
            self._is_holding = False
        if self.state not in {State.STARTING, State.CRUISING}:
            return
        enough = _STARTING_CALLS if self.state is State.STARTING else _ENOUGH_CALLS
        slots = min(self._limits)
        self._delivery.add(window, round_seconds=self._round_seconds, enough_calls=enough, slots=slots)
        if self.state is State.CRUISING:
            self._arrears.add(window)
            if self._delivery.is_whole:
                self._arrears.expect(self._delivery.rate)

    def _count_ghosts(self, now: float, window: Window) -> None:
        if window.timed_out:
            self._ghosts.append((now + _GHOST_ROUNDS * self._round_seconds, window.timed_out))
        while self._ghosts and self._ghosts[0][0] <= now:
            self._ghosts.popleft()

    @property
    def _round_seconds(self) -> float:
        return max(self._base or self._delivery.latency_seconds, _ROUND_SECONDS)

    @property
    def _is_slack(self) -> bool:
        """Whether slots stand empty, and nobody waits at the registry. Beside longer calls workers are never slow."""
        seen = self._delivery
        is_calm = self._base < _SHORT_SECONDS and seen.latency_seconds < _CALM * self._base
        return is_calm and seen.in_flight < _UNPRESSED * seen.slots

    @property
    def _product(self) -> float:
        return self._base * self._delivery.rate

    def _is_unpressed(self, window: Window) -> bool:
        """Whether there is less work than the limit allows."""
        return window.in_flight < _UNPRESSED * min(self._limits) - 1

    # Trouble.

    def _is_failing(self) -> bool:
        bad, answered = self._lately.bad, self._lately.answered
        return bad >= _FAILING_CALLS and bad >= _FAILING_SHARE * (bad + answered)

    def _halve(self, now: float) -> None:
        if now < self._halved_at + self._round_seconds:
            return
        self._halved_at = now
        self._limit = min(self._limit, self.knowledge.limit / 2)
        self._start_again()
        self._cruise(now, rounds=_ROUNDS_TO_SOON_DRAIN)

    def _is_silent(self, window: Window) -> bool:
        is_long = self._arrears.seconds >= max(self._round_seconds, _SILENT_SECONDS)
        return is_long and self._arrears.missing > _MISSING_CALLS and not self._is_unpressed(window)

    def _hold(self, now: float) -> None:
        """Fewer calls, and none before an answer came: one that times out makes no room at the registry."""
        self._limit = max(min(_FEWEST, self._limit), _LOWERED * self._limit)
        self._is_holding = True
        self._start_again()
        self._drain_at = max(self._drain_at, now + _ROUNDS_TO_SOON_DRAIN * self._round_seconds)

    def _start_again(self) -> None:
        """From the base that is known, but with new rates."""
        self._delivery.forget()
        self._lately.forget()
        self._arrears.clear()
        if self._base:
            self.state = State.CRUISING

    # Steering.

    def _steer(self, now: float, window: Window) -> None:
        match self.state:
            case State.STARTING:
                self._start(now, window)
            case State.CRUISING if self._delivery.is_whole:
                self._learn(now)
                self._aim(round(_CRUISING_GAIN * self._product), now, window)
                if self._is_drain_due(now) and not self._is_unpressed(window):
                    self._drain()
            case State.DRAINING:
                self._watch_drain(now, window)
            case State.REFILLING if now >= self._full_at:
                rounds = _ROUNDS_TO_SOON_DRAIN if self._is_undecided else _ROUNDS_BETWEEN_DRAINS
                self._cruise(now, rounds=rounds)
            case _:
                pass

    def _aim(self, limit: float, now: float, window: Window) -> None:
        """Where slots stand empty and nobody waits, nothing is taken back, and a call more each round trip is tried.

        Workers that are slow to fill a slot deliver less than as many calls could. By the product alone the limit would
        follow them down to one call.
        """
        target = max(limit, _FEWEST)
        if self._is_slack:
            target = max(target, self._limit + self._one_more(now))
        if target > self._limit or not self._is_unpressed(window):
            self._limit = target

    def _one_more(self, now: float) -> int:
        if now < self._grown_at + self._round_seconds or self._delivery.in_flight < _USED * self._limit:
            return 0
        self._grown_at = now
        return 1

    def _learn(self, now: float) -> None:
        """Nobody is answered faster than the base; how much faster the registry became, a drain has to tell.

        While the limit grows the calls that come back first are the short ones, and more are under way than rate x
        latency says. Where the registry became quicker there are fewer: those that come back had waited with more.
        """
        seen = self._delivery
        is_growing = _SETTLED * seen.in_flight > seen.rate * seen.latency_seconds
        if seen.answered >= _ENOUGH_CALLS and not is_growing and seen.latency_seconds < _QUICKER * self._base:
            self._base, self._base_calls = seen.latency_seconds, seen.answered
            self._drain_at = now

    def _is_drain_due(self, now: float) -> bool:
        if self._product >= _FALLEN * self._product_before:
            self._fallen_at = None
        elif self._fallen_at is None:
            self._fallen_at = now
        has_fallen = self._fallen_at is not None and now >= self._fallen_at + _FALLEN_ROUNDS * self._round_seconds
        return now >= self._drain_at or has_fallen

    def _cruise(self, now: float, *, rounds: int) -> None:
        self.state = State.CRUISING if self._base else State.STARTING
        self._fallen_at = None
        self._drain_at = now + rounds * self._round_seconds

    # Starting: answers tell of the base, in blocks, until a block says that calls wait for each other.

    def _start(self, now: float, window: Window) -> None:
        if now >= self._block_from:
            self._block += window.latencies
            self._block_seconds += window.seconds
        enough = _BLOCK_CALLS if self._base else _FIRST_BLOCK_CALLS
        if len(self._block) >= enough and self._block_seconds >= self._delivery.latency_seconds:
            self._judge_block(now)
        if self._base and self._delivery.is_whole:
            self._product_before = max(self._product_before, self._product)
            self._aim(_STARTING_GAIN * self._product, now, window)

    def _judge_block(self, now: float) -> None:
        mean = _mean(self._block)
        if not self._base or mean <= _UNQUEUED * self._base:
            self._weigh_in(self._block, most=_MEMORY_CALLS)
        self._block, self._block_seconds = [], 0.0
        self._block_from = now + self._base  # what is answered before was asked under another limit
        if mean > _QUEUED * self._base:
            self._cruise(now, rounds=_ROUNDS_TO_SOON_DRAIN)

    def _weigh_in(self, latencies: Sequence[float], *, most: int) -> None:
        """Count these into the base, against what is known of it, which counts for `most` calls at most."""
        known = min(self._base_calls, most)
        self._base += (_mean(latencies) - self._base) * len(latencies) / (len(latencies) + known)
        self._base_calls += len(latencies)

    # Draining: fewer calls, wait until those that had to wait are gone, measure.

    def _drain(self) -> None:
        self.state = State.DRAINING
        self._before_drain, self._full_rate, self._was_slack = self._limit, self._delivery.rate, self._is_slack
        self._surprise = 0.0
        self._is_undecided = False
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
        if not self._drained:
            if window.in_flight:
                return  # whatever it takes: answers that are late are what a drain is to find
            longest = 0.0
        else:
            longest = _LONGEST_SLOWER * _mean(self._drained) if self._is_surprised else _LONGEST_DRAIN * expected
        if elapsed >= settling and (self._has_drained_enough or elapsed >= longest):
            self._judge_drain(now)

    @property
    def _is_surprised(self) -> bool:
        return bool(self._drained) and _mean(self._drained) > _SURPRISE * self._base

    @property
    def _is_slower(self) -> bool:
        """Whether calls take long by more than chance: the fewer were seen, the longer they have to be."""
        calls, known = len(self._drained), max(1, min(self._base_calls, _MEMORY_CALLS))
        chance = _CHANCE * math.sqrt(1 / max(1, calls) + 1 / known)
        return self._is_surprised and calls >= _SLOWER_CALLS and _mean(self._drained) > (1 + chance) * self._base

    @property
    def _has_drained_enough(self) -> bool:
        """With half as many calls already, no more are let in as long as it is not plain why they take long."""
        is_plain = not self._surprise or not self._is_surprised or self._is_slower
        return len(self._drained) >= _DRAIN_CALLS and is_plain

    def _judge_drain(self, now: float) -> None:
        """Half as many calls tell a queue, which then goes away, from a registry that became slower."""
        mean = _mean(self._drained) if self._drained else 0.0
        if self._is_surprised and (mean < _SAME * self._surprise or (not self._surprise and self._limit > 1)):
            self._surprise = mean
            self._lower(self._limit / 2)
            return
        if self._is_slower:
            self._start_over(now)
            return
        if mean:
            self._is_undecided = self._is_surprised
            is_surprise = self._is_undecided or mean < _QUICKER * self._base
            self._weigh_in(self._drained, most=_MEMORY_SURPRISED_CALLS if is_surprise else _MEMORY_CALLS)
        self._refill(now)

    def _start_over(self, now: float) -> None:
        """The registry became slower: how many calls it holds is open again, for the limit has followed the rate down.

        By a base that is too short the limit could never grow again: so what was known counts no more.
        """
        self._base, self._base_calls = _mean(self._drained), len(self._drained)
        self._limit = self._before_drain
        self._product_before = 0.0
        self._block, self._block_seconds, self._block_from = [], 0.0, now + self._base
        self._start_again()
        self.state = State.STARTING

    def _refill(self, now: float) -> None:
        """Never to more than before: a base that grew says that there is less room, not more.

        The rates go on from where they were before the drain, so a registry that changed meanwhile is noticed as ever.
        """
        self._product_before = self._base * self._full_rate
        self._limit = self._before_drain
        if self._surprise or not self._was_slack:
            self._limit = min(self._limit, max(_FEWEST, round(_CRUISING_GAIN * self._product_before)))
        self.state = State.REFILLING
        self._full_at = now + _SETTLING_SECONDS + self._base


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
