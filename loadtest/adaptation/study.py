"""All runs of the simulation that a table and a chart need, on all cores.

Every figure comes from seeds that are named, so it can be had again. An interrupted study leaves nothing behind.
"""

import itertools
import math
import multiprocessing
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from loadtest.adaptation.policies import POLICIES
from loadtest.adaptation.scenarios import Registry, crowds, fewest_answers, outage, shares, steps
from loadtest.adaptation.world import Scenario, Second, World

OURS = "gelombang"
TARGET = 0.95
# Normal latencies from 50 ms to 2 s, from two servers to two hundred.
GRID = tuple(
    Registry(servers, seconds, sharpness)
    for sharpness in (1.0, 2.0)
    for servers in (2, 5, 20, 50, 200)
    for seconds in (0.05, 0.3, 2.0)
)
# Where others are shown beside ours.
COMPARED = (Registry(20, 0.1), Registry(20, 0.1, 2.0), Registry(2, 0.05), Registry(200, 0.3), Registry(50, 2.0))
CHARTED = (Registry(20, 0.1), Registry(50, 2.0))
DOWN = (Registry(20, 0.1), Registry(200, 0.3), Registry(50, 2.0))
DOWN_SECONDS = 300.0
_CHART_STEP_SECONDS = 2
_FEWEST_ANSWERS = 2_000  # of all runs of a phase: their number then scatters by little more than one per cent
_RECOVERY_SECONDS, _RECOVERED_SECONDS = 30, 20


class Cell(msgspec.Struct, frozen=True):
    """One registry under one policy: the share of capacity delivered in each phase, mean and least of the runs.

    `crowds` is the most calls that were inside in any run, for each server.
    """

    registry: Registry
    policy: str
    workers: int
    means: Sequence[float]
    least: Sequence[float]
    crowds: Sequence[float]
    runs: int

    @property
    def worst(self) -> float:
        """The mean of the phase that went worst."""
        return min(self.means)


class Curve(msgspec.Struct, frozen=True):
    """Answers per second over time, of one run."""

    registry: Registry
    policy: str
    points: Sequence[tuple[float, float]]


class Recovery(msgspec.Struct, frozen=True):
    """What five minutes without an answer cost, and the share of capacity used from 30 s after; worst of the seeds."""

    registry: Registry
    calls_while_down: int
    calls_for_each_answer: float
    share_after: float


class Study(msgspec.Struct, frozen=True):
    """Everything that was found."""

    started_at: str
    seeds: Sequence[int]
    cells: Sequence[Cell]
    curves: Sequence[Curve]
    recoveries: Sequence[Recovery]

    @property
    def missed(self) -> Sequence[Cell]:
        """Ours, where the mean of some phase is below the target."""
        return [cell for cell in self.cells if cell.policy == OURS and cell.worst < TARGET]


def study(seeds: Sequence[int], *, say: Callable[[str], None]) -> Study:
    """Play everything; takes some minutes. `say` is told of each registry that is done."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    wanted = list(_wanted())
    with multiprocessing.Pool() as pool:
        cells = []
        for cell in pool.imap(_cell, [(*one, seeds) for one in wanted]):
            cells.append(cell)
            say(f"{name(cell.registry)}, {cell.policy}, {cell.workers} workers: {cell.worst:.3f}")
        curves = pool.map(_curve, list(itertools.product(CHARTED, POLICIES)))
        recoveries = pool.map(_recovery, [(registry, seeds) for registry in DOWN])
    return Study(started_at, seeds, cells, curves, recoveries)


def name(registry: Registry) -> str:
    """For people."""
    collapse = "" if registry.sharpness == 1 else ", sharp"
    return f"K {registry.servers}, S {registry.service_seconds:g} s{collapse}"


def _wanted() -> Iterator[tuple[Registry, str, int]]:
    yield from itertools.product(GRID, [OURS], (1, 4))
    for registry, policy in itertools.product(COMPARED, POLICIES):
        if policy != OURS or registry not in GRID:
            yield registry, policy, 1


def _cell(wanted: tuple[Registry, str, int, Sequence[int]]) -> Cell:
    registry, policy, workers, seeds = wanted
    scenario = steps(registry, workers=workers)
    runs = max(len(seeds), math.ceil(_FEWEST_ANSWERS / fewest_answers(registry, scenario)))
    played = [_play(scenario, policy, seed) for seed in range(seeds[0], seeds[0] + runs)]
    delivered = list(zip(*(shares(registry, scenario, seconds) for seconds in played), strict=True))
    inside = list(zip(*(crowds(registry, scenario, seconds) for seconds in played), strict=True))
    return Cell(
        registry=registry,
        policy=policy,
        workers=workers,
        means=[statistics.mean(phase) for phase in delivered],
        least=[min(phase) for phase in delivered],
        crowds=[max(phase) for phase in inside],
        runs=runs,
    )


def _curve(wanted: tuple[Registry, str]) -> Curve:
    registry, policy = wanted
    seconds = _play(steps(registry, workers=4), policy, 1)
    step = _CHART_STEP_SECONDS
    points = [
        (float(at + step), sum(second.answered for second in seconds[at : at + step]) / step)
        for at in range(0, len(seconds) - step + 1, step)
    ]
    return Curve(registry, policy, points)


def _recovery(wanted: tuple[Registry, Sequence[int]]) -> Recovery:
    registry, seeds = wanted
    scenario = outage(registry, seconds=DOWN_SECONDS, workers=4)
    down, up = (int(phase.at_seconds) for phase in scenario.phases[1:])
    after = up + _RECOVERY_SECONDS
    while_down, for_each, share = [], [], []
    for seed in seeds:
        seconds = _play(scenario, OURS, seed)
        while_down.append(sum(second.calls for second in seconds[down:up]))
        for_each.append(sum(second.calls for second in seconds) / sum(second.answered for second in seconds))
        answered = sum(second.answered for second in seconds[after : after + _RECOVERED_SECONDS])
        share.append(answered / _RECOVERED_SECONDS / scenario.phases[0].per_second)
    return Recovery(registry, max(while_down), max(for_each), min(share))


def _play(scenario: Scenario, policy: str, seed: int) -> Sequence[Second]:
    chance = random.Random(seed)  # noqa: S311 - a simulation
    return World(scenario, POLICIES[policy](chance), seed=seed).run()
