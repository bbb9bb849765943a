"""The search for the knee, on simulated servers whose capacity differs from step to step."""

import math
import random
from collections.abc import Callable

import pytest

from loadtest.proof.knee import Search, Stride, searched, spread
from loadtest.proof.plan import Staircase

STAIRS = Staircase(first=1_500, repeats=3)
WANTED = 0.1  # how far a knee may be from the middle one


def search(holds: Callable[[float], bool], start: float, stride: Stride) -> tuple[Search, list[tuple[float, bool]]]:
    """A search that is over, and the steps that it took."""
    found = Search(start, stride)
    steps: list[tuple[float, bool]] = []
    while (rate := found.rate) is not None:
        held = holds(rate)
        steps.append((rate, held))
        found.tell(held)
    return found, steps


def prove(holds: Callable[[float], bool]) -> tuple[list[float], int]:
    """The knees of all repeats as a proof finds them, and how many steps it took."""
    knees: list[float] = []
    count, start = 0, STAIRS.first
    for repeat in range(1, STAIRS.repeats + 1):
        found, steps = search(holds, start, STAIRS.stride(repeat))
        assert found.knee is not None
        start = found.knee
        knees.append(found.knee)
        count += len(steps)
    return knees, count


def server(capacity: float, *, sigma: float, hiccups: float, seed: int) -> Callable[[float], bool]:
    """Its capacity is another one in each step; and now and then a step fails whatever the rate."""
    randomness = random.Random(seed)  # noqa: S311 - noise, guards nothing
    return lambda rate: randomness.random() >= hiccups and rate <= capacity * math.exp(randomness.gauss(0, sigma))


@pytest.mark.parametrize("capacity", [900.0, 1_500.0, 4_768.0, 12_000.0])
def test_a_steady_server_has_its_capacity_for_a_knee(capacity: float) -> None:
    """To half the finest stride, wherever the search began."""
    knees, steps = prove(lambda rate: rate <= capacity)
    assert knees == pytest.approx([capacity] * 3, rel=0.05)
    assert steps <= 40


@pytest.mark.parametrize(("sigma", "hiccups"), [(0.03, 0.0), (0.03, 0.05), (0.05, 0.0), (0.05, 0.05)])
def test_the_knee_of_a_noisy_server_repeats(sigma: float, hiccups: float) -> None:
    """Within ±10 %, in at least 95 of 100 proofs, and in a time that a proof has for it."""
    proofs = [prove(server(4_500, sigma=sigma, hiccups=hiccups, seed=seed)) for seed in range(200)]
    repeated = sum(spread(knees) <= WANTED for knees, _ in proofs)
    assert repeated >= 0.95 * len(proofs)
    assert sum(steps for _, steps in proofs) / len(proofs) <= 33
    middles = [sorted(knees)[1] for knees, _ in proofs]
    assert sum(middles) / len(middles) == pytest.approx(4_500, rel=0.03)


def test_one_hiccup_in_the_climb_does_not_decide() -> None:
    """A rate that missed is offered again before the search turns."""
    failing = iter([True, False])
    _, steps = search(lambda rate: rate <= 5_000 and (rate != 1_500 or next(failing, True)), 1_000, STAIRS.stride(1))
    assert steps[:3] == [(1_000, True), (1_500, True), (pytest.approx(2_250), True)]
    failing = iter([False, True])
    _, steps = search(lambda rate: rate <= 5_000 and (rate != 1_500 or next(failing, True)), 1_500, STAIRS.stride(1))
    assert steps[:3] == [(1_500, False), (1_500, True), (pytest.approx(2_250), True)]


def test_a_server_without_a_limit_has_a_knee_that_is_at_least_that() -> None:
    """And one on which nothing holds has none; both searches end."""
    stride = STAIRS.stride(1)
    found, steps = search(lambda _: True, 1_500, stride)
    assert (len(steps), found.is_bounded) == (stride.steps, False)
    assert found.knee == steps[-1][0]
    found, steps = search(lambda _: False, 1_500, stride)
    assert (len(steps), found.knee) == (stride.steps, None)


def test_a_record_s_steps_lead_to_the_same_knee() -> None:
    """Whoever judges the evidence finds what was found; a search that was cut short has no knee."""
    holds = server(4_500, sigma=0.05, hiccups=0.05, seed=7)
    found, steps = search(holds, 1_500, STAIRS.stride(1))
    again = searched(steps, STAIRS.stride(1))
    assert again is not None
    assert again.knee == found.knee
    cut = searched(steps[:-1], STAIRS.stride(1))
    assert cut is not None
    assert cut.knee is None
    assert searched([], STAIRS.stride(1)) is None
