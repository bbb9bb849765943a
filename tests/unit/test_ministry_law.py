"""The law by which the ministry stand-in, and every simulation of it, slows down and collapses."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.ministry.law import Capacity, Latency


def chance() -> random.Random:
    return random.Random(1)  # noqa: S311 - no secret hangs on it


@pytest.mark.parametrize(("inside", "share"), [(1, 1.0), (20, 1.0), (40, 1.0), (80, 0.5), (100, 0.4), (400, 0.1)])
def test_goodput_falls_beyond_the_knee(inside: int, share: float) -> None:
    """Up to twice the capacity inside costs nothing; from there on goodput falls as fast as the crowd grows."""
    assert 1 / Capacity(servers=20).stretch(inside) == pytest.approx(share)


def test_the_collapse_can_be_sharper() -> None:
    """Twice the knee inside leaves a half, a quarter, an eighth of the goodput."""
    assert [1 / Capacity(servers=20, sharpness=n).stretch(80) for n in (0, 1, 2, 3)] == [1, 0.5, 0.25, 0.125]


def test_without_servers_to_count_nothing_collapses() -> None:
    """No limit is no limit, however many come."""
    assert Capacity().stretch(1_000_000) == 1


@given(servers=st.integers(1, 1000), inside=st.integers(0, 100_000), sharpness=st.floats(1, 5))
def test_one_more_call_inside_never_helps(servers: int, inside: int, sharpness: float) -> None:
    """Beyond the knee each call more slows all of them down; nothing is ever faster than alone."""
    capacity = Capacity(servers=servers, sharpness=sharpness)
    assert 1 <= capacity.stretch(inside) <= capacity.stretch(inside + 1)


@pytest.mark.parametrize("latency", [Latency(0.2), Latency(0.2, sigma=0.5), Latency(0.2, tail=3.0)])
def test_every_distribution_keeps_its_mean(latency: Latency) -> None:
    """However service times spread, their mean is what was asked for."""
    randomness = chance()
    assert statistics.fmean(latency.draw(randomness) for _ in range(50_000)) == pytest.approx(0.2, rel=0.02)


def test_a_heavy_tail_has_rare_calls_that_take_very_long() -> None:
    """Most calls are faster than the mean; one in a thousand takes tens of times as long, unlike with a lognormal."""
    randomness = chance()
    heavy = sorted(Latency(0.1, tail=1.5).draw(randomness) for _ in range(20_000))
    light = sorted(Latency(0.1, sigma=0.5).draw(randomness) for _ in range(20_000))
    assert heavy[10_000] < 0.06
    assert heavy[-20] > 2 > light[-20]
