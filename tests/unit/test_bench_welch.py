"""Welch's t, against values worked out by hand and against made-up samples whose answer is known."""

import math
import random

import pytest

from loadtest.bench import welch


def test_t_is_the_difference_of_means_in_its_own_standard_error() -> None:
    """Means 3 and 6, variances 2.5 and 10, five values each: -3 / sqrt(0.5 + 2)."""
    assert welch.t([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]) == pytest.approx(-3 / math.sqrt(2.5))


def test_sizes_and_variances_may_differ() -> None:
    """Means 2 and 5, variances 1 and 0, three values and two: -3 / sqrt(1/3)."""
    assert welch.t([1, 2, 3], [5, 5]) == pytest.approx(-3 * math.sqrt(3))


def test_constants_are_equal_or_infinitely_apart() -> None:
    """No variance is no division by zero."""
    assert welch.t([1, 1], [1, 1]) == 0.0
    assert welch.t([2, 2], [1, 1]) == math.inf
    assert welch.t([1, 1], [2, 2]) == -math.inf


def test_equal_sources_stay_below_the_bound_and_a_small_shift_does_not() -> None:
    """20,000 values with a long tail: nothing at 0, found at a twentieth of their spread."""
    chance = random.Random(5)  # noqa: S311 - a fixed sample
    one, other = ([chance.lognormvariate(0, 1) for _ in range(20_000)] for _ in range(2))
    shifted = [value + 0.1 for value in other]
    assert abs(welch.t(one, other)) < welch.BOUND
    assert abs(welch.t(*welch.cropped(one, other))) < welch.BOUND
    assert welch.t(*welch.cropped(shifted, one)) > welch.BOUND


def test_cropping_takes_the_slowest_tenth_of_both_together() -> None:
    """Not a tenth of each: the slow ones may all be on one side."""
    first, second = welch.cropped([1, 2, 3, 4, 100], [1, 2, 3, 4, 5])
    assert first == [1, 2, 3, 4]
    assert second == [1, 2, 3, 4, 5]
