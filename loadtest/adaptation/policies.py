"""Ways to decide how many calls may be under way: ours, and what others would do in its place.

Pure and seeded, like the world they are played in.
"""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from loadtest.adaptation.world import Policy
from verify_workers.ministry.breaker import Breaker, BreakerPolicy, Outcomes
from verify_workers.ministry.controller import Controller
from verify_workers.ministry.delivery import Window
from verify_workers.ministry.protection import Protection

CEILING = 1_000  # higher than any capacity here, so that it is not the ceiling that finds it
FIXED_CALLS = 100
_MIDNIGHT_SECONDS = 86_400.0
_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 60.0
_DECREASE = 0.7


class Protected:
    """Controller and breaker, as the workers have them."""

    def __init__(self, randomness: random.Random) -> None:
        self._protection = Protection(
            Controller(ceiling=CEILING), Breaker(BreakerPolicy(), now_seconds=0.0, randomness=randomness)
        )

    def update(self, now_seconds: float, window: Window) -> int:
        """The limit, as far as the breaker allows it."""
        causes = {"ministry_error": window.failed, "ministry_timeout": window.timed_out}
        outcomes = Outcomes(window.answered, {cause: count for cause, count in causes.items() if count})
        return self._protection.update(now_seconds, window, outcomes, midnight_in_seconds=_MIDNIGHT_SECONDS)


class Fixed:
    """As many calls as somebody once set."""

    def __init__(self, _randomness: random.Random) -> None:
        pass

    def update(self, _now_seconds: float, _window: Window) -> int:
        """Always the same."""
        return FIXED_CALLS


class Backoff:
    """The same many callers, each of which waits longer after every failure of its own: what retry libraries do."""

    def __init__(self, randomness: random.Random) -> None:
        self._randomness = randomness
        self._failures = [0] * FIXED_CALLS
        self._asleep_until = [0.0] * FIXED_CALLS

    def update(self, now_seconds: float, window: Window) -> int:
        """As many as are awake."""
        for _ in range(window.bad):
            if awake := self._awake(now_seconds):
                self._sleep(self._randomness.choice(awake), now_seconds)
        for _ in range(window.answered):
            self._failures[self._randomness.randrange(FIXED_CALLS)] = 0
        return len(self._awake(now_seconds))

    def _awake(self, now: float) -> list[int]:
        return [caller for caller, until in enumerate(self._asleep_until) if until <= now]

    def _sleep(self, caller: int, now: float) -> None:
        longest = min(_BACKOFF_SECONDS * 2.0 ** self._failures[caller], _LONGEST_BACKOFF_SECONDS)
        self._failures[caller] += 1
        self._asleep_until[caller] = now + self._randomness.uniform(longest / 2, longest)


class Aimd:
    """One more call each round trip while latency is below a fixed objective, else less: additive, multiplicative."""

    def __init__(self, objective_seconds: float) -> None:
        self._objective_seconds = objective_seconds
        self._limit = 1.0
        self._latency = objective_seconds
        self._cut_at = 0.0

    def update(self, now_seconds: float, window: Window) -> int:
        """Up by one a round trip, or down by a third at most once a round trip."""
        if window.latencies:
            self._latency = sum(window.latencies) / len(window.latencies)
        if window.bad or (window.latencies and self._latency > self._objective_seconds):
            if now_seconds >= self._cut_at + self._latency:
                self._limit = max(1.0, self._limit * _DECREASE)
                self._cut_at = now_seconds
        elif window.latencies:
            self._limit = min(CEILING, self._limit + window.seconds / max(self._latency, window.seconds))
        return int(self._limit)


POLICIES: Mapping[str, Callable[[random.Random], Policy]] = MappingProxyType(
    {
        "gelombang": Protected,
        f"fixed, {FIXED_CALLS} calls": Fixed,
        "backoff only": Backoff,
        "AIMD, 1 s": lambda _: Aimd(1.0),
        "AIMD, 5 s": lambda _: Aimd(5.0),
    }
)
