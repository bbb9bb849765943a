"""Steers the pool from one worker at a time: what all workers saw goes in, how many calls may be under way comes out.

Whoever holds the lease on this duty (`lua/exchange_shares.lua`) steers; what it has learnt is kept beside the shares,
so that the next one goes on from there. If the process dies, the limit stands until another takes over, one share's
life later.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.streams.shares import Grant
from verify_workers.ministry.breaker import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    Memory,
    Outcomes,
    seconds_until_midnight,
)
from verify_workers.ministry.controller import Controller, Knowledge
from verify_workers.ministry.delivery import Window
from verify_workers.ministry.observed import BUSY, TIMEOUT, Sight
from verify_workers.ministry.protection import Protection

# What a busy worker adds of its own: no latency below this says anything of the registry.
_OWN_SECONDS = 0.01
_BROKEN = ("ministry_error", "ministry_unreachable")


class Course(msgspec.Struct, frozen=True):
    """What the pool is told: the limit (-1: nothing new), a word for people, and what the next holder needs."""

    limit: int = -1
    word: str = ""
    memory: str = ""


class _Left(msgspec.Struct, frozen=True):
    """What one holder leaves to the next."""

    knowledge: Knowledge = Knowledge()
    memory: Memory = Memory()


class Steering:
    """One per worker; idle in all but one."""

    def __init__(
        self,
        *,
        kind: Kind,
        ceiling_slots: int,
        policy: BreakerPolicy,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._ceiling_slots = ceiling_slots
        self._policy = policy
        self._metrics = metrics
        self._clock = clock
        self._randomness = random.Random()  # noqa: S311 - jitter
        self._steered_at = clock()
        self._take_over("")

    def steer(self, grant: Grant) -> Course:
        """Take in what was seen, where this worker steers."""
        if not grant.steers:
            return Course()
        if grant.took_over:
            self._take_over(grant.steering)
        now = self._clock()
        sight = merge(list(_sights(grant.windows)))
        limit = self._protection.update(
            now,
            _window(sight, seconds=now - self._steered_at, in_flight=grant.in_flight),
            Outcomes(sight.answered, dict(sight.failures), sight.quota),
            midnight_in_seconds=seconds_until_midnight(datetime.fromtimestamp(grant.now_ms / 1_000, UTC)),
        )
        self._steered_at = now
        self._show()
        breaker = self._protection.breaker
        left = _Left(self._protection.controller.knowledge, breaker.memory(now))
        return Course(
            limit=limit,
            word=breaker.cause or breaker.state,
            memory=msgspec.json.encode(left).decode(),
        )

    def _take_over(self, memory: str) -> None:
        try:
            left = msgspec.json.decode(memory, type=_Left)
        except msgspec.MsgspecError:
            left = _Left()  # nobody was there before, or one whose memory another version wrote
        self._protection = Protection(
            Controller(ceiling=self._ceiling_slots, knowledge=left.knowledge),
            Breaker(self._policy, now_seconds=self._clock(), randomness=self._randomness, memory=left.memory),
        )
        self._steered_at = self._clock()

    def _show(self) -> None:
        metrics, kind = self._metrics, self._kind
        controller, breaker = self._protection.controller, self._protection.breaker
        metrics.ministry_base_seconds.labels(kind).set(controller.base_seconds or 0.0)
        metrics.ministry_goodput.labels(kind).set(controller.goodput)
        for state in BreakerState:
            metrics.ministry_breaker.labels(kind, state).set(state is breaker.state)
        if breaker.cause is not None:
            metrics.ministry_stopped.labels(kind, breaker.cause).set(1)


def merge(sights: Sequence[Sight]) -> Sight:
    """What all workers saw together."""
    failures: Counter[str] = Counter()
    for sight in sights:
        failures.update(sight.failures)
    return Sight(
        sum(sight.answered for sight in sights),
        [seconds for sight in sights for seconds in sight.latencies],
        failures,
        frozenset().union(*(sight.quota for sight in sights)),
    )


def _sights(windows: Sequence[str]) -> Iterator[Sight]:
    for window in windows:
        with suppress(msgspec.MsgspecError):  # of a worker of another version
            yield msgspec.json.decode(window, type=Sight)


def _window(sight: Sight, *, seconds: float, in_flight: int) -> Window:
    return Window(
        seconds=seconds,
        answered=sight.answered,
        latencies=[max(_OWN_SECONDS, seconds) for seconds in sight.latencies],
        failed=sum(sight.failures.get(cause, 0) for cause in _BROKEN),
        throttled=sight.failures.get(BUSY, 0),
        timed_out=sight.failures.get(TIMEOUT, 0),
        in_flight=in_flight,
    )
