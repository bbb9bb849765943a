"""Workers' purses and the one breaker together, in compressed time: what failed in an outage, and what always fails."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from registration.errors import Retryable
from registration.runtime import backoff_seconds
from verify_workers.ministry.breaker import Breaker, BreakerPolicy, BreakerState, Outcomes
from verify_workers.ministry.observed import Observed
from verify_workers.ministry.retry_budget import RetryBudget, RetryPolicy

TICK = 0.1  # a call's round trip
BASE_SECONDS, CAP_SECONDS = 5.0, 900.0  # of the settings
LOOKS = 50  # entries that a worker can fetch in a tick
LIMIT = 10  # what the registry bears at once: a hundred calls a second


@dataclass(eq=False)
class Check:
    """A person who waits for a verdict."""

    came_at: float
    always_fails: bool = False
    failures: int = 0
    due_at: float = 0.0
    moved_at: float = 0.0
    done_at: float | None = None


@dataclass
class World:
    """Everybody's checks, the workers' purses and the breaker, tick by tick. `is_down` is the registry's state."""

    workers: int = 2
    seed: int = 1
    now: float = 0.0
    is_down: bool = False
    calls: int = 0
    answers: list[float] = field(default_factory=list)
    waiting: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a simulation
        self.breaker = Breaker(BreakerPolicy(), now_seconds=0.0, randomness=self.chance)
        self.purses = [RetryBudget(RetryPolicy(most=64), now_seconds=0.0) for _ in range(self.workers)]
        self.observed = Observed()

    def add(self, count: int, *, failures: int = 0, always_fails: bool = False) -> Sequence[Check]:
        """Checks that are due; those that failed before did so a moment ago."""
        new = [Check(self.now, always_fails, failures, self.now, self.now) for _ in range(count)]
        self.waiting += new
        return new

    def run(self, seconds: float, *, newcomers: float = 0.0, of_them_fail: float = 0.0) -> None:
        """Let time pass, with so many new people a second."""
        end = self.now + seconds
        while self.now < end - TICK / 2:
            self.now += TICK
            arrivals = int(newcomers * TICK) + (self.chance.random() < newcomers * TICK % 1)
            for _ in range(arrivals):
                self.add(1, always_fails=self.chance.random() < of_them_fail)
            self._tick()

    def _tick(self) -> None:
        sight = self.observed.take()
        outcomes = Outcomes() if sight is None else Outcomes(sight.answered, sight.failures, sight.quota)
        self.breaker.update(self.now, outcomes, midnight_in_seconds=86_400.0)
        allowed = self.breaker.allowance(self.now, LIMIT)
        due = sorted((check for check in self.waiting if check.due_at <= self.now), key=lambda check: check.due_at)
        shares = [allowed // self.workers + (number < allowed % self.workers) for number in range(self.workers)]
        for number in self.chance.sample(range(self.workers), self.workers):
            looked = 0
            while due and shares[number] and looked < LOOKS:
                looked += 1
                shares[number] -= self._call(due.pop(0), self.purses[number])
        self.waiting = [check for check in self.waiting if check.done_at is None]

    def _call(self, check: Check, purse: RetryBudget) -> bool:
        """Whether it was called about; held back otherwise, as long again as it has waited."""
        if check.failures and not purse.take(self.now, failures=check.failures):
            waited = min(max(self.now - check.moved_at, BASE_SECONDS), CAP_SECONDS)
            check.due_at = self.now + waited * self.chance.uniform(0.75, 1.25)
            return False
        tries = 2 if check.failures else 1
        if not check.failures:
            purse.begin(self.now)
        self.calls += 1
        if self.is_down or check.always_fails:
            purse.failed(tries=tries)
            self.observed.failed(Retryable("ministry_error"), b"%d" % id(check), failures=check.failures)
            check.failures += 1
            check.moved_at = self.now
            check.due_at = self.now + backoff_seconds(
                check.failures, base=BASE_SECONDS, cap=CAP_SECONDS, uniform=self.chance.uniform
            )
        else:
            purse.answered(self.now, tries=tries)
            self.observed.answered(TICK)
            check.done_at = self.now
            self.answers.append(self.now)
        return True


@pytest.mark.parametrize("workers", [1, 4])
def test_what_failed_once_is_worked_off_at_once_though_a_quarter_always_fails(workers: int) -> None:
    """A thousand checks that met an outage and nobody new: all of them are done in a minute.

    Each of those who always fail costs two calls at most meanwhile.
    """
    world = World(workers=workers)
    honest = world.add(1_000, failures=1)
    world.add(320, failures=1, always_fails=True)
    world.chance.shuffle(world.waiting)
    world.run(60.0)
    assert [check for check in honest if check.done_at is None] == []
    assert world.calls <= 1_000 + 2 * 320


@pytest.mark.parametrize("workers", [1, 4])
def test_a_trickle_of_newcomers_does_not_keep_retries_back(workers: int) -> None:
    """One new person a second, of whom every twelfth always fails: a thousand retries are done within two minutes."""
    world = World(workers=workers)
    honest = world.add(1_000, failures=1)
    world.run(120.0, newcomers=1.0, of_them_fail=0.08)
    assert [check for check in honest if check.done_at is None] == []


@pytest.mark.parametrize("workers", [1, 4])
def test_those_who_always_fail_do_not_shut_the_registry_for_others(workers: int) -> None:
    """Hundreds who always fail, and hardly anybody else: whoever comes is answered soon, the breaker is closed."""
    world = World(workers=workers)
    world.add(320, failures=3, always_fails=True)
    world.run(100.0)
    before = world.calls
    states = set()
    people: list[Check] = []
    for _ in range(30):
        people += world.add(1)
        world.run(10.0)
        states.add(world.breaker.state)
    assert max((check.done_at or world.now) - check.came_at for check in people) <= 1.0
    assert states == {BreakerState.CLOSED}
    assert world.calls - before <= 30 + workers * 300 / 5 + workers * 10  # a trickle, and what the answers earned


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_after_five_minutes_of_outage_under_twice_the_load_goodput_is_back(workers: int, seed: int) -> None:
    """Nine tenths of the capacity from 30 s after, with people who always fail about; at most 1.10 calls a verdict."""
    world = World(workers=workers, seed=seed)
    world.run(30.0, newcomers=90.0)
    world.is_down = True
    world.add(100, failures=2, always_fails=True)
    world.run(300.0, newcomers=1.0)
    world.add(8_000)  # of those who came meanwhile; a minute's work is enough to see
    world.is_down = False
    back_at = world.now
    world.run(60.0, newcomers=25.0)
    after = [at for at in world.answers if at > back_at + 30.0]
    assert len(after) >= 0.9 * 30 * LIMIT / TICK
    assert world.calls <= 1.10 * len(world.answers)


def test_when_the_outage_was_all_there_was_its_checks_follow_soon() -> None:
    """An outage in a quiet hour: who was asked about in it has a verdict soon after, with nobody new to help."""
    world = World()
    honest = world.add(30)
    world.is_down = True
    world.run(300.0)
    world.is_down = False
    world.run(600.0)
    assert [check for check in honest if check.done_at is None] == []
