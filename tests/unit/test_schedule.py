"""When arrivals are due, and the named curves."""

import itertools
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.arrivals.crowd import Crowd, Share, Stage
from loadtest.arrivals.profiles import (
    PROFILES,
    WAVE1_FIRST_MINUTE,
    WAVE1_PEAK_PER_SECOND,
    WAVE1_REGISTERED,
    recovery,
    wave1,
)
from loadtest.arrivals.schedule import Curve, Point, Spacing, due_times, flat

RANDOMNESS = Random  # spreads load, guards nothing
LEVELS = st.floats(min_value=0, max_value=100)
CURVES = st.lists(st.tuples(st.floats(min_value=0.01, max_value=1_000), LEVELS), min_size=1, max_size=6).map(
    lambda steps: Curve(
        [
            Point(0, 1.0),
            *(
                Point(seconds, level)
                for seconds, (_, level) in zip(itertools.accumulate(step[0] for step in steps), steps, strict=True)
            ),
        ]
    )
)


@given(curve=CURVES, share=st.floats(min_value=0, max_value=0.999))
def test_the_moment_of_a_work_is_the_one_that_has_done_it(curve: Curve, share: float) -> None:
    """`when` is the inverse of `work`, on slopes, steps and level ground."""
    work = share * curve.total
    seconds = curve.when(work)
    assert seconds is not None
    assert curve.work(seconds) == pytest.approx(work, rel=1e-6, abs=1e-6)
    assert curve.when(curve.total) is None


@pytest.mark.parametrize("spacing", Spacing)
def test_a_clock_is_due_as_often_as_its_rate_says(spacing: Spacing) -> None:
    """To one for even spacing, to the spread of chance for Poisson; always in order and within the curve."""
    curve = recovery(100)
    times = list(due_times(curve, rate=200, spacing=spacing, randomness=RANDOMNESS(7)))
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 100
    expected = 200 * curve.total
    assert abs(len(times) - expected) <= (1 if spacing is Spacing.CONSTANT else 4 * expected**0.5)
    during_overload = sum(20 <= at < 60 for at in times)
    assert during_overload / 40 == pytest.approx(200, rel=0.1)


def test_even_arrivals_have_even_gaps() -> None:
    """A rate of 10 a second is one every 0.1 s, from a moment of its own in the first gap."""
    times = list(due_times(flat(5), rate=10, spacing=Spacing.CONSTANT, randomness=RANDOMNESS(1)))
    assert {round(after - before, 9) for before, after in itertools.pairwise(times)} == {0.1}
    assert 0 <= times[0] < 0.1


def test_poisson_gaps_are_exponential() -> None:
    """Their spread is as large as their mean, so bursts come as they do when people do not know of each other."""
    times = list(due_times(flat(500), rate=20, spacing=Spacing.POISSON, randomness=RANDOMNESS(3)))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert spread / mean == pytest.approx(1, rel=0.05)


def test_a_clock_that_begins_late_owes_nothing_for_the_time_before() -> None:
    """A user that Locust spawns during a run follows the curve from there."""
    times = list(due_times(flat(10), rate=10, spacing=Spacing.CONSTANT, randomness=RANDOMNESS(1), since=6.0))
    assert len(times) == 40
    assert times[0] >= 6.0


def test_wave1_brings_the_published_numbers() -> None:
    """80,000 in the first minute, 1,432,133 in 21 hours, and no rate that is above the first minute's."""
    curve = wave1()
    assert curve.work(60) * WAVE1_PEAK_PER_SECOND == pytest.approx(WAVE1_FIRST_MINUTE)
    assert curve.total * WAVE1_PEAK_PER_SECOND == pytest.approx(WAVE1_REGISTERED)
    assert curve.end_seconds == 21 * 3_600
    assert curve.most == 1


def test_a_compressed_wave_has_the_same_shape() -> None:
    """Time shrinks, intensities stay: so many fewer come."""
    short = wave1().stretched(1 / 210)
    assert short.end_seconds == pytest.approx(360)
    assert short.total == pytest.approx(wave1().total / 210)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_reaches_the_full_rate_and_never_more(name: str) -> None:
    """So the rate that somebody asks for is the peak that they get."""
    assert PROFILES[name]().most == pytest.approx(1.0)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point(0, 1)],
        [Point(1, 1), Point(2, 1)],
        [Point(0, 1), Point(3, 1), Point(2, 1)],
        [Point(0, 1), Point(1, -1)],
        [Point(0, 1), Point(1, float("inf"))],
    ],
)
def test_what_is_no_curve_is_refused(points: list[Point]) -> None:
    """Rather than silently offering something else."""
    with pytest.raises(ValueError, match=r"curve|intensity"):
        Curve(points)


def test_processes_share_a_crowd(tmp_path: Path) -> None:
    """Everybody is given away once, whatever number of processes there are, and then nobody is left."""
    file = tmp_path / "crowd.json"
    Crowd(wave=3, handles={Stage.BEGUN: tuple("abcde")}).write(file)
    shares = [Share(Crowd.read(file), number=number, processes=2) for number in range(2)]
    given_away = [[share.next(Stage.BEGUN) for _ in range(4)] for share in shares]
    assert given_away == [["a", "c", "e", None], ["b", "d", None, None]]
    assert [share.next(Stage.TESTED) for share in shares] == [None, None]
