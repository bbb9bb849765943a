"""Keeps this worker's share of the ceiling: tells what it does, takes what it is given, about twenty times a second.

Guarantee: a share is counted from before it was asked for, so it ends here before it ends for the others. If Valkey is
away, the share runs out and the static share is left; if the process dies, the share comes back to the others after a
while.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.errors import Retryable
from registration.streams.shares import Grant, Report, Terms, exchange
from registration.streams.streams import Streams
from verify_workers.ministry.gate import Gate
from verify_workers.ministry.steering import Course, Steering

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.05
# Until whoever steers has heard of a call, and this worker of what follows. A single call in the whole pool is a probe:
# were its slot filled again at once, many would go out before the first is known to have failed.
_HEARD_SECONDS = 3 * TICK_SECONDS
_LEAST_TICK_SECONDS = 0.01  # when somebody waits for more
_LONGEST_HOLD_SECONDS = 60.0  # a Retry-After beyond this is taken for a mistake
_AHEAD_SECONDS = 0.5


class Shareholder:
    """Run `run_once` beside the gate."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        kind: Kind,
        terms: Terms,
        slot: str,
        most_in_flight: int,
        streams: Streams,
        gate: Gate,
        steering: Steering,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._terms = terms
        self._slot = slot
        self._life = f"{slot}:{secrets.token_hex(6)}"
        self._most_in_flight = most_in_flight
        self._streams = streams
        self.gate = gate
        self._steering = steering
        self._slots = metrics.ministry_slots.labels(kind)
        self._calls_in_flight = metrics.ministry_calls_in_flight.labels(kind)
        self._starts = metrics.ministry_starts.labels(kind)
        self._limit = metrics.ministry_limit.labels(kind)
        self._surplus = metrics.ministry_surplus.labels(kind)
        self._closed_seconds = metrics.ministry_closed_seconds.labels(kind)
        self._clock = clock
        self._course = Course()
        self._started = 0
        self._is_surplus = False

    async def run_once(self) -> None:
        """One exchange, after a tick or as soon as somebody waits for more."""
        await asyncio.sleep(_LEAST_TICK_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.gate.hungry.wait(), TICK_SECONDS - _LEAST_TICK_SECONDS)
        self.gate.hungry.clear()
        await self.exchange_once()

    async def exchange_once(self) -> None:
        """Tell, take, and steer where that is ours to do. Raises `Retryable`."""
        asked_at = self._clock()
        grant = await exchange(self._streams, self._kind, self._report())
        self._take(grant, asked_at=asked_at, answered_at=self._clock())
        self._course = self._steering.steer(grant)
        self.gate.send_back_the_impatient()
        self._show(grant)

    async def leave(self) -> None:
        """Give share and place back, when stopping."""
        with suppress(Retryable):
            leaving = Report(terms=self._terms, slot=self._slot, life=self._life, leaving=True)
            await exchange(self._streams, self._kind, leaving)

    def _report(self) -> Report:
        gate = self.gate
        in_hand = gate.in_flight + gate.waiting
        used, self._started = gate.started - self._started, gate.started
        sight = gate.observed.take()
        delay = min(gate.observed.take_delay(), _LONGEST_HOLD_SECONDS)
        if delay:
            gate.hold(delay)
        return Report(
            terms=self._terms,
            slot=self._slot,
            life=self._life,
            # Whoever uses what it has asks for more, and whoever has nothing to do for one, to begin with.
            demand=min(2 * in_hand + 1, self._most_in_flight),
            allowed=gate.allowed(),
            in_flight=gate.in_flight,
            starts=max(0, 2 * used + gate.waiting + 1 - gate.starts_left),
            window="" if sight is None else msgspec.json.encode(sight).decode(),
            close_ms=1_000 * delay,
            limit=self._course.limit,
            word=self._course.word,
            steering=self._course.memory,
        )

    def _take(self, grant: Grant, *, asked_at: float, answered_at: float) -> None:
        terms = self._terms
        if grant.closed_ms:
            self.gate.hold(grant.closed_ms / 1_000)
        per_worker = 1_000 / terms.spacing_ms / max(1, grant.workers)
        self.gate.add_starts(
            asked_at=asked_at,
            answered_at=answered_at,
            offset=grant.first_start_ms / 1_000,
            spacing=grant.spacing_ms / 1_000,
            count=grant.starts,
        )
        is_leased = grant.has_place and not grant.quiet_ms
        self.gate.lease(
            slots=grant.slots,
            until=asked_at + terms.ttl_ms / 1_000 if is_leased else -math.inf,
            static_until=asked_at + (terms.place_ms - terms.ttl_ms) / 1_000 if grant.has_place else -math.inf,
            most_ahead=max(1.0, _AHEAD_SECONDS * per_worker),
            rest_seconds=_HEARD_SECONDS if grant.limit == 1 else 0.0,
        )
        if self._is_surplus == grant.has_place:
            self._is_surplus = not grant.has_place
            if self._is_surplus:
                log.error(
                    "more workers than the ceiling is for: this one does nothing", kind=self._kind, consumer=self._slot
                )

    def _show(self, grant: Grant) -> None:
        self._slots.set(self.gate.allowed())
        self._calls_in_flight.set(self.gate.in_flight)
        self._starts.inc(grant.starts)
        self._limit.set(max(0, grant.limit))
        self._surplus.set(self._is_surplus)
        self._closed_seconds.set(grant.closed_ms / 1_000)
