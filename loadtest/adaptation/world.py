"""A registry and the workers that call it, in compressed time: a discrete-event simulation without sockets or clocks.

The registry obeys the same law of collapse as the stand-in ministry (`simulators/ministry/law.py`). The workers keep as
many calls under way as their share of the pool's limit allows, measure what comes back, and hear of a new limit only at
their own next tick, as real workers do. A minute of a registry that answers 200 calls a second takes about 50 ms.

Nothing is kept: a simulation is a function of its scenario, its policy and its seed.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from simulators.ministry.law import Capacity, Latency
from verify_workers.ministry.delivery import Window

TICK_SECONDS = 0.1
_HEARD_SECONDS = 3 * TICK_SECONDS
_SAMPLE = 256  # latencies kept of one worker's window


class Policy(Protocol):
    """Who decides how many calls may be under way."""

    def update(self, now_seconds: float, window: Window) -> int:
        """The pool's new limit, given what came back since the last time."""


class Phase(msgspec.Struct, frozen=True):
    """The registry's mood from `at_seconds` on. `failing` is the share of calls that are answered with an error."""

    at_seconds: float
    capacity: Capacity
    latency: Latency
    failing: float = 0.0

    @property
    def per_second(self) -> float:
        """What it can answer in a second at its best."""
        return (self.capacity.servers or 0) / self.latency.mean_seconds * (1.0 - self.failing)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A registry's life. Without `demand_per_second` there is always more work than can be done.

    `most_per_second` is the ceiling's rate for all workers together. A limit reaches the workers `delay_ticks` later.
    It takes a worker `rest_seconds`, more or less, to fill a slot again that an answer set free: it is busy.
    """

    phases: Sequence[Phase]
    seconds: float
    workers: int = 1
    delay_ticks: int = 1
    timeout_seconds: float = 10.0
    failure_seconds: float = 0.02
    demand_per_second: float | None = None
    most_per_second: float = math.inf
    rest_seconds: float = 0.0


class Second(msgspec.Struct, frozen=True):
    """What one second of a run brought."""

    answered: int
    calls: int
    limit: int
    inside: int  # the most calls that the registry had at once


class _Worker:
    """One worker: what it has under way, and what it measured since it last reported."""

    __slots__ = ("answered", "failed", "in_flight", "latencies", "resting", "share", "timed_out")

    def __init__(self, share: int) -> None:
        self.share = share
        self.in_flight = self.resting = 0
        self.clear()

    def clear(self) -> None:
        self.answered = self.failed = self.timed_out = 0
        self.latencies: list[float] = []


class _Call:
    __slots__ = ("begun", "gone", "worker")

    def __init__(self, worker: _Worker, begun: float) -> None:
        self.worker = worker
        self.begun = begun
        self.gone = False  # its caller no longer waits


class World:
    """One run. `run` gives a `Second` for each second of the scenario."""

    def __init__(self, scenario: Scenario, policy: Policy, *, seed: int) -> None:
        self._scenario = scenario
        self._policy = policy
        self._randomness = random.Random(seed)  # noqa: S311 - a simulation
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._now = 0.0
        self._phase = scenario.phases[0]
        self._busy = 0
        self._queue: deque[_Call] = deque()
        self._deadlines: deque[_Call] = deque()
        self._backlog = 0.0
        self._spacing = 1.0 / scenario.most_per_second
        self._next_start = 0.0
        self._is_awaiting_start = False
        self._answered = self._calls = self._inside = 0
        self._limit = policy.update(0.0, _merged([], 0.0, 0.0))
        self._limits = deque([self._limit] * (scenario.delay_ticks + 1), maxlen=scenario.delay_ticks + 1)
        self._workers = [_Worker(0) for _ in range(scenario.workers)]
        self._seconds: list[Second] = []

    def run(self) -> Sequence[Second]:
        """Play the scenario to its end."""
        scenario = self._scenario
        for phase in scenario.phases[1:]:
            self._at(phase.at_seconds, partial(self._enter, phase))
        for number in range(scenario.workers):
            self._at(TICK_SECONDS * number / scenario.workers, partial(self._tick, number))
        self._at(TICK_SECONDS, self._control)
        self._at(1.0, self._note)
        if scenario.demand_per_second is not None:
            self._at(0.0, self._arrive)
        events = self._events
        while events and events[0][0] <= scenario.seconds + 1e-6:
            self._now, _, happen = heapq.heappop(events)
            happen()
        return self._seconds

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (seconds, self._order, happen))

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._admit()

    def _note(self) -> None:
        self._seconds.append(Second(self._answered, self._calls, self._limit, self._inside))
        self._answered = self._calls = self._inside = 0
        self._at(self._now + 1.0, self._note)

    def _arrive(self) -> None:
        rate = self._scenario.demand_per_second or 0.0
        self._backlog += 1
        self._at(self._now + self._randomness.expovariate(rate), self._arrive)
        for worker in self._workers:
            self._fill(worker)

    # The workers.

    def _tick(self, number: int) -> None:
        """A worker looks at the clock and at its share of the limit."""
        workers = len(self._workers)
        worker = self._workers[number]
        limit = self._limits[0]
        worker.share = limit // workers + (number < limit % workers)
        while self._deadlines and self._deadlines[0].begun + self._scenario.timeout_seconds <= self._now:
            self._time_out(self._deadlines.popleft())
        self._fill(worker)
        self._at(self._now + TICK_SECONDS, partial(self._tick, number))

    def _fill(self, worker: _Worker) -> None:
        while worker.in_flight + worker.resting < worker.share and self._take():
            self._next_start = max(self._next_start, self._now) + self._spacing
            worker.in_flight += 1
            self._calls += 1
            call = _Call(worker, self._now)
            self._deadlines.append(call)
            if self._phase.failing and self._randomness.random() < self._phase.failing:
                self._at(self._now + self._scenario.failure_seconds, partial(self._fail, call))
            else:
                self._queue.append(call)
        self._admit()

    def _take(self) -> bool:
        """Whether there is a check to be done, and a start within the ceiling's rate for it."""
        if self._next_start > self._now:
            self._await_start()
            return False
        if self._scenario.demand_per_second is None:
            return True
        if self._backlog < 1:
            return False
        self._backlog -= 1
        return True

    def _await_start(self) -> None:
        if not self._is_awaiting_start:
            self._is_awaiting_start = True
            self._at(self._next_start, self._start)

    def _start(self) -> None:
        self._is_awaiting_start = False
        for worker in self._randomness.sample(self._workers, len(self._workers)):
            self._fill(worker)

    def _time_out(self, call: _Call) -> None:
        if not call.gone:
            call.gone = True
            call.worker.timed_out += 1
            self._end(call)

    def _fail(self, call: _Call) -> None:
        if not call.gone:
            call.gone = True
            call.worker.failed += 1
            self._end(call)

    def _end(self, call: _Call) -> None:
        """It brought nothing. Where that was a probe its slot is free once the pool has heard, as `Gate` does it."""
        call.worker.in_flight -= 1
        self._rest(call.worker, _HEARD_SECONDS if self._limits[0] == 1 else 0.0)

    # The registry. A call whose caller has gone still takes its server's time.

    def _admit(self) -> None:
        servers = self._phase.capacity.servers or 0
        self._inside = max(self._inside, self._busy + len(self._queue))
        while self._queue and self._busy < servers:
            call = self._queue.popleft()
            self._busy += 1
            stretch = self._phase.capacity.stretch(self._busy + len(self._queue))
            seconds = self._phase.latency.draw(self._randomness) * stretch
            self._at(self._now + seconds, partial(self._answer, call))

    def _answer(self, call: _Call) -> None:
        self._busy -= 1
        if not call.gone:
            call.gone = True
            worker = call.worker
            worker.in_flight -= 1
            worker.answered += 1
            if len(worker.latencies) < _SAMPLE:
                worker.latencies.append(self._now - call.begun)
            self._answered += 1
            tired = self._scenario.rest_seconds
            self._rest(worker, tired * self._randomness.uniform(0.5, 1.5) if tired else 0.0)
        self._admit()

    def _rest(self, worker: _Worker, seconds: float) -> None:
        """Fill the slot again after so long."""
        if not seconds:
            self._fill(worker)
            return
        worker.resting += 1
        self._at(self._now + seconds, partial(self._wake, worker))

    def _wake(self, worker: _Worker) -> None:
        worker.resting -= 1
        self._fill(worker)

    # The controller.

    def _control(self) -> None:
        in_flight = float(sum(worker.in_flight for worker in self._workers))
        window = _merged(self._workers, TICK_SECONDS, in_flight)
        for worker in self._workers:
            worker.clear()
        self._limit = self._policy.update(self._now, window)
        self._limits.append(self._limit)
        self._at(self._now + TICK_SECONDS, self._control)


def _merged(workers: Sequence[_Worker], seconds: float, in_flight: float) -> Window:
    return Window(
        seconds=seconds,
        answered=sum(worker.answered for worker in workers),
        latencies=[latency for worker in workers for latency in worker.latencies],
        failed=sum(worker.failed for worker in workers),
        throttled=0,
        timed_out=sum(worker.timed_out for worker in workers),
        in_flight=in_flight,
    )
