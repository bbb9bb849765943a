"""The controller finds a capacity that nobody told it, in a simulation of the registry and the workers."""

import random

import pytest

from loadtest.adaptation.policies import POLICIES, Protected
from loadtest.adaptation.scenarios import Registry, outage, shares, steps
from loadtest.adaptation.world import Scenario, World

SMALL = Registry(20, 0.1)


def _delivered(registry: Registry, *, policy: str = "gelombang", workers: int = 1, seed: int = 1) -> list[float]:
    """The share of its capacity that a registry delivers in each of three phases."""
    scenario = steps(registry, workers=workers)
    chance = random.Random(seed)  # noqa: S311 - a seeded policy
    return list(shares(registry, scenario, World(scenario, POLICIES[policy](chance), seed=seed).run()))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    "registry",
    [SMALL, Registry(20, 0.1, sharpness=2.0), Registry(50, 0.3), Registry(50, 2.0), Registry(200, 0.3)],
    ids=str,
)
def test_it_finds_the_capacity_after_every_step(registry: Registry, workers: int) -> None:
    """Half the servers go and come back: within 10 s or 20 round trips their capacity is used again.

    The aim is 95 % over many seeds (docs/ministry-protection.md); one run of some seconds scatters below it.
    """
    assert min(_delivered(registry, workers=workers)) >= 0.9


@pytest.mark.parametrize("registry", [Registry(2, 2.0, sharpness=2.0), Registry(5, 2.0, sharpness=2.0)], ids=str)
def test_it_finds_a_capacity_of_one_answer_in_two_seconds(registry: Registry) -> None:
    """A few servers that take two seconds, of which half go: few answers to learn from, and time-outs are near."""
    found = [_delivered(registry, workers=1, seed=seed) for seed in range(1, 5)]
    assert min(sum(phase) / len(phase) for phase in zip(*found, strict=True)) >= 0.85


@pytest.mark.parametrize(
    ("registry", "workers", "seed"),
    [
        (Registry(2, 2.0, sharpness=2.0), 4, 28),  # ten calls of a drain were long by chance
        (Registry(2, 2.0, sharpness=2.0), 4, 31),
        (Registry(20, 2.0), 1, 4),  # twenty calls were short, since the limit had just grown
    ],
    ids=str,
)
def test_a_chance_is_not_taken_for_another_registry(registry: Registry, workers: int, seed: int) -> None:
    """Taken for a slower one it was driven past its knee, for a quicker one it was starved: 0.65 to 0.75."""
    assert min(_delivered(registry, workers=workers, seed=seed)) >= 0.85


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_that_are_slow_to_fill_a_slot_do_not_talk_the_limit_down(workers: int) -> None:
    """On a busy machine a slot stands empty as long as a call takes; within a minute the capacity is used all the same.

    By rate times base alone the limit would sink to one or two calls and stay there.
    """
    scenario = Scenario(
        phases=steps(SMALL, workers=workers).phases[:1], seconds=90.0, workers=workers, delay_ticks=2, rest_seconds=0.1
    )
    for seed in range(1, 7):
        seconds = World(scenario, Protected(random.Random(seed)), seed=seed).run()  # noqa: S311 - jitter
        assert sum(second.answered for second in seconds[50:]) >= 0.9 * 40 * scenario.phases[0].per_second


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("registry", [Registry(5, 0.1), Registry(16, 0.1), Registry(50, 0.3)], ids=str)
def test_a_registry_that_takes_four_times_as_long_is_found_out_and_so_is_its_recovery(
    registry: Registry, workers: int
) -> None:
    """Its servers are all there. What the limit had become by the rate alone was two calls, for good: an eighth of it.

    And back: a base that is four times too long would keep four times as many calls there as the registry can bear.
    """
    slow = Registry(registry.servers, 4 * registry.service_seconds)
    grace = int(2 * slow.grace_seconds)
    changes = [registry.phase(0.0, servers=registry.servers), slow.phase(30.0, servers=slow.servers)]
    changes.append(registry.phase(30.0 + grace + 40.0, servers=registry.servers))
    scenario = Scenario(phases=changes, seconds=changes[2].at_seconds + grace + 40.0, workers=workers, delay_ticks=2)
    answered = [0, 0]
    for seed in range(1, 4):
        seconds = World(scenario, Protected(random.Random(seed)), seed=seed).run()  # noqa: S311 - jitter
        for place, change in enumerate(changes[1:]):
            judged = seconds[int(change.at_seconds) + grace :][:40]
            answered[place] += sum(second.answered for second in judged)
    assert answered[0] >= 3 * 0.8 * 40 * changes[1].per_second
    assert answered[1] >= 3 * 0.75 * 40 * changes[2].per_second


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "gelombang"])
def test_nothing_else_that_is_usual_does(policy: str) -> None:
    """The simulation can tell: a fixed number of calls, backoff and AIMD drive the same registry into collapse."""
    assert max(_delivered(SMALL, policy=policy)) < 0.7


def test_a_registry_in_collapse_is_not_kept_there_by_probes() -> None:
    """Five servers of two seconds with eleven calls inside become two: all time out, and take their servers' time.

    One probe at a time is little enough for them to work that off; with a second behind each that fails they did not.
    """
    assert min(_delivered(Registry(5, 2.0, sharpness=2.0), workers=4, seed=16)) >= 0.3


@pytest.mark.parametrize("registry", [SMALL, Registry(50, 2.0)], ids=str)
def test_after_an_outage_it_is_back_within_half_a_minute(registry: Registry) -> None:
    """Five minutes without an answer cost few calls, and 30 s later nine tenths of the capacity are used again."""
    scenario = outage(registry, seconds=300.0, workers=4)
    down, up = (int(phase.at_seconds) for phase in scenario.phases[1:])
    for seed in range(1, 5):
        policy = Protected(random.Random(seed))  # noqa: S311 - jitter
        seconds = World(scenario, policy, seed=seed).run()
        assert sum(second.calls for second in seconds[down:up]) < 500  # of thousands that would have been answered
        assert sum(second.calls for second in seconds) <= 1.10 * sum(second.answered for second in seconds)
        assert sum(second.answered for second in seconds[up + 30 : up + 50]) >= 0.9 * 20 * scenario.phases[0].per_second


def test_with_less_work_than_capacity_everything_is_done_and_nothing_collapses() -> None:
    """A limit that nobody presses stands still, and when there is more work again it is the right one."""
    phases = steps(SMALL, workers=1).phases[:1]
    scenario = Scenario(phases=phases, seconds=60.0, demand_per_second=80.0)
    policy = Protected(random.Random(1))  # noqa: S311 - jitter
    seconds = World(scenario, policy, seed=1).run()
    assert sum(second.answered for second in seconds[10:]) >= 0.95 * 80 * 50
    assert max(second.limit for second in seconds[10:]) <= 2.5 * SMALL.servers


def test_the_same_seed_gives_the_same_run() -> None:
    """A figure in the docs can be had again."""
    assert _delivered(SMALL, seed=7) == _delivered(SMALL, seed=7)
