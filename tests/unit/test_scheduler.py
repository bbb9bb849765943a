"""Duties: one worker at a time, and a rest that grows with what the duty costs."""

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from registration.errors import Retryable
from verify_workers.scheduler import Duty, Scheduler


class Leases:
    """One Valkey for all workers, with the scheduler's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.held: dict[str, tuple[str, float]] = {}

    async def hold_lease(self, duty: str, *, holder: str, seconds: float) -> bool:
        """As `lua/hold_lease.lua`."""
        other, until = self.held.get(duty, (holder, 0.0))
        if other != holder and self.now < until:
            return False
        self.held[duty] = (holder, self.now + seconds)
        return True


class Looking:
    """A duty that takes as long as it is told to, and notes when it began and by whom."""

    def __init__(self, leases: Leases) -> None:
        self.leases = leases
        self.seconds = 0.0
        self.began: list[float] = []
        self.error: Exception | None = None

    async def __call__(self) -> None:
        """Take the time."""
        self.began.append(self.leases.now)
        self.leases.now += self.seconds
        if self.error is not None:
            raise self.error


@pytest.fixture
def world() -> SimpleNamespace:
    """Two workers with the same duties."""
    leases = Leases()
    workers = [
        Scheduler(streams=cast("Any", leases), holder=name, scope="nik", clock=lambda: leases.now)
        for name in ("nik-1", "nik-2")
    ]
    return SimpleNamespace(leases=leases, workers=workers, looking=Looking(leases))


async def live(world: SimpleNamespace, duty: Duty, seconds: float) -> None:
    """Both workers ask for the duty every interval, as the pool's loops do."""
    until = world.leases.now + seconds
    while world.leases.now < until:
        for worker in world.workers:
            try:
                await worker.run_once(duty)
            except Retryable:
                continue
        world.leases.now += duty.interval_seconds


async def test_a_cheap_duty_is_done_every_interval_by_one(world: SimpleNamespace) -> None:
    """However many ask."""
    await live(world, Duty("census", 5.0, world.looking, rest=20.0), 100.0)
    assert world.looking.began == [5.0 * number for number in range(20)]


async def test_a_dear_duty_costs_a_twentieth_of_the_time_for_all_workers_together(world: SimpleNamespace) -> None:
    """The rest is kept under the lease, so the other worker does not take the duty meanwhile."""
    world.looking.seconds = 3.0
    await live(world, Duty("census", 5.0, world.looking, rest=20.0), 1_000.0)
    assert 10 <= len(world.looking.began) <= 1_000 / (21 * 3.0) + 1


async def test_a_duty_that_fails_after_long_work_rests_as_well(world: SimpleNamespace) -> None:
    """A statement that times out again and again must not be all that PostgreSQL does."""
    world.looking.seconds, world.looking.error = 10.0, Retryable("database_timeout")
    await live(world, Duty("census", 5.0, world.looking, rest=20.0), 1_000.0)
    assert 3 <= len(world.looking.began) <= 1_000 / (21 * 10.0) + 1


async def test_a_duty_without_rest_is_done_at_once_again(world: SimpleNamespace) -> None:
    """The relay carries work: it never waits for having had much."""
    world.looking.seconds = 3.0
    await live(world, Duty("relay", 0.5, world.looking), 35.0)
    gaps = [after - before for before, after in itertools.pairwise(world.looking.began)]
    assert max(gaps) <= 3.5


async def test_another_takes_over_when_the_holder_is_gone(world: SimpleNamespace) -> None:
    """Once the lease, and what is left of the rest, is over."""
    world.looking.seconds = 3.0
    duty = Duty("census", 5.0, world.looking, rest=20.0)
    await world.workers[0].run_once(duty)
    world.workers = world.workers[1:]
    await live(world, duty, 100.0)
    assert world.looking.began == [0.0, 78.0]
