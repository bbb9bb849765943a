"""The gate before the registry: every try of every worker passes it, and it opens only within this worker's share.

Guarantee: no call starts without a free slot, a start time and a call left of the day's quota. A start time is good for
a moment only: whoever writes the request asks `Slot.in_time` just before. Without a lease in force only the static
share counts. Waiting here is no attempt: whoever must wait for longer than a moment gets `Postponed`
and goes back to where it came from. Nothing is kept here; a worker that dies loses a share that ends by itself.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from registration.errors import Postponed, Retryable
from verify_workers.ministry.observed import Observed
from verify_workers.ministry.pacer import Pacer

PATIENCE_SECONDS = 3.0  # whoever waits for longer goes back to the stream
_AHEAD_SECONDS = 0.1  # as much as starts within this time is fetched ahead
_LEAST_AHEAD = 2  # so that with one slot the next one waits here already when it comes free
_TIMER_SECONDS = 0.001  # the loop's timers count in these, and may ring one early


class Gate:
    """One per worker, made inside the running loop. `changed` is called whenever there may be more room."""

    def __init__(
        self,
        *,
        static_slots: int,
        static_spacing_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock  # not the loop's, which stands still while the loop is busy
        self._static_slots = static_slots
        self._pacer = Pacer(static_spacing_seconds=static_spacing_seconds)
        self.changed: Callable[[], None] = lambda: None
        self._waiting: deque[tuple[asyncio.Future[float], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._slots = 0
        self._leased_until = -math.inf
        self._static_until = -math.inf
        self._closed_until = -math.inf
        self._is_paused = False
        self._calls_left = math.inf
        self._calls_until = math.inf
        self._most_ahead = math.inf
        self._rest_seconds = 0.0
        self._pace = 0.0  # calls a second, lately
        self._paced_at, self._started_then = clock(), 0
        self.hungry = asyncio.Event()
        self.in_flight = 0
        self.started = 0
        self.observed = Observed()

    @property
    def waiting(self) -> int:
        """Calls that wait here."""
        return len(self._waiting)

    @property
    def starts_left(self) -> int:
        """Leased times that were not used yet."""
        return self._pacer.left

    @property
    def calls_left(self) -> float:
        """Calls of the day's quota that this worker holds; infinity without a quota."""
        return self._calls_left if self._clock() < self._calls_until else 0

    def allowed(self) -> int:
        """How many calls may be under way now."""
        now = self._clock()
        if now < self._leased_until:
            return self._slots
        return self._static_slots if now < self._static_until else 0

    def room(self, coming: int) -> int:
        """How many entries are worth fetching beside those that wait or are `coming`: as many as can be called soon.

        None while half of that is there: they come in batches, which cost less than one by one.
        """
        now = self._clock()
        if self._is_paused or now < self._closed_until or self.calls_left < 1:
            return 0
        slots = self.allowed()
        if not slots:
            return 0
        # As many as may start at once, and as many again as start in a moment, so that they come in batches.
        soon = max(0, slots - self.in_flight) + max(slots, _LEAST_AHEAD, self._pace * _AHEAD_SECONDS)
        wanted = max(1, math.floor(min(soon, self._most_ahead, self.calls_left)))
        there = len(self._waiting) + coming
        return wanted - there if 2 * there <= wanted else 0

    def slot(self, identity: bytes, *, failures: int) -> "Slot":
        """`async with gate.slot(…):` around one call; how often the identity failed before is told to those who steer.

        Raises `Postponed` when it cannot start soon.
        """
        return Slot(self, identity, failures)

    def lease(
        self, *, slots: int, until: float, static_until: float, most_ahead: float, rest_seconds: float = 0.0
    ) -> None:
        """Take over a share: slots until then, the static share after; `most_ahead` calls may wait here at most.

        The slot of a call that brings nothing stays empty for `rest_seconds`.
        """
        self._slots, self._leased_until, self._static_until = slots, until, static_until
        self._most_ahead, self._rest_seconds = most_ahead, rest_seconds
        now = self._clock()
        if now > self._paced_at:
            self._pace = (self.started - self._started_then) / (now - self._paced_at)
            self._paced_at, self._started_then = now, self.started
        self._pump()
        self.changed()

    def add_starts(self, *, asked_at: float, answered_at: float, offset: float, spacing: float, count: int) -> None:
        """Take over start times (`Pacer.add`)."""
        self._pacer.add(asked_at=asked_at, answered_at=answered_at, offset=offset, spacing=spacing, count=count)
        self._pump()

    def set_calls(self, count: float, *, until: float) -> None:
        """This worker holds so many calls of the day's quota, to be used until then."""
        self._calls_left, self._calls_until = count, until
        self._pump()
        self.changed()

    def hold(self, seconds: float) -> None:
        """Let nobody pass for so long: the registry asked for it."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
        self._schedule(self._closed_until)

    def pause(self, paused: bool) -> None:  # noqa: FBT001 - a state, told as it is
        """Let nobody pass while paused; who waits goes back."""
        if paused:
            self._is_paused = True
            self._send_back(math.inf)
        elif self._is_paused:
            self._is_paused = False
            self._pump()
            self.changed()

    def send_back_the_impatient(self) -> None:
        """Whoever has waited too long goes back; call it while Valkey can take them."""
        self._send_back(self._clock() - PATIENCE_SECONDS)

    async def enter(self) -> float:
        """Wait for a slot, a time and a call of the quota, and take them; returns until when the time is good."""
        if not self._waiting and (last_moment := self._begin()) is not None:
            return last_moment
        if self._is_paused:
            raise Postponed
        future: asyncio.Future[float] = self._loop.create_future()
        self._waiting.append((future, self._clock()))
        self._want()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.leave()  # its turn came in the same moment
            raise

    def leave(self) -> None:
        """Give the slot back."""
        self.in_flight -= 1
        if self._waiting:
            self._pump()

    def leave_empty(self) -> None:
        """Give the slot back after a call that brought nothing."""
        if self._rest_seconds:
            self._loop.call_later(self._rest_seconds, self.leave)
        else:
            self.leave()

    def is_past(self, moment: float) -> bool:
        """Whether a moment of the gate's clock is over."""
        return self._clock() > moment

    def _begin(self) -> float | None:
        now = self._clock()
        if self._is_paused or now < self._closed_until or self.in_flight >= self.allowed() or self.calls_left < 1:
            return None
        last_moment = self._pacer.take(now, static=now < self._static_until)
        if last_moment is not None:
            self.in_flight += 1
            self.started += 1
            self._calls_left -= 1
        return last_moment

    def _pump(self) -> None:
        """Let in whoever may enter, longest wait first."""
        while self._waiting:
            future, _ = self._waiting[0]
            if not future.done():
                last_moment = self._begin()
                if last_moment is None:
                    self._want()
                    return
                future.set_result(last_moment)
            self._waiting.popleft()

    def _want(self) -> None:
        """Somebody waits: for a time that is known, or for more of it."""
        if self.in_flight < self.allowed():
            self._schedule(self._pacer.next_at(static=self._clock() < self._static_until))
            if not self._pacer.left:
                self.hungry.set()
        elif not self.allowed():
            self.hungry.set()

    def _schedule(self, when: float) -> None:
        if math.isinf(when) or self._timer_at <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_later(max(0.0, when - self._clock()) + _TIMER_SECONDS, self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._pump()
        self.changed()

    def _send_back(self, waiting_since: float) -> None:
        while self._waiting and self._waiting[0][1] <= waiting_since:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(Postponed())


class Slot:
    """One call's passage: what came of it is told to those who steer."""

    __slots__ = ("_failures", "_gate", "_identity", "_last_moment", "_started_at")

    def __init__(self, gate: Gate, identity: bytes, failures: int) -> None:
        self._gate = gate
        self._identity = identity
        self._failures = failures
        self._last_moment = -math.inf
        self._started_at = 0.0

    async def __aenter__(self) -> Self:
        self._last_moment = await self._gate.enter()
        self._started_at = time.monotonic()
        return self

    def in_time(self) -> bool:
        """Whether the call may still start. If not, its time is lost: leave, and pass the gate again."""
        return not self._gate.is_past(self._last_moment)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        gate = self._gate
        if error is None:
            gate.observed.answered(time.monotonic() - self._started_at)
        elif isinstance(error, Retryable):
            gate.observed.failed(error, self._identity, failures=self._failures)
            gate.leave_empty()
            return
        gate.leave()
