"""Welch's t: whether two samples of times have different means. Pure.

Leakage tests of cryptography use the bound |t| < 4.5 (ISO/IEC 17825; Reparaz, Balasch and Verbauwhede, "Dude, is my
code constant time?", 2017): two equal sources exceed it by chance once in 150,000 times. Long tails of other causes
hide a small difference, so the test is made again without the slowest tenth of both samples together, as they do.
"""

import math
from collections.abc import Sequence

BOUND = 4.5
KEPT_SHARE = 0.9


def t(first: Sequence[float], second: Sequence[float]) -> float:
    """Positive when the first is slower. Both need two values at least; equal constants give 0."""
    mean_difference = mean(first) - mean(second)
    error = math.sqrt(_variance(first) / len(first) + _variance(second) / len(second))
    if error == 0.0:
        return math.copysign(math.inf, mean_difference) if mean_difference else 0.0
    return mean_difference / error


def cropped(first: Sequence[float], second: Sequence[float]) -> tuple[list[float], list[float]]:
    """Both without what is above the time that `KEPT_SHARE` of both together do not exceed."""
    together = sorted((*first, *second))
    bound = together[math.ceil(KEPT_SHARE * len(together)) - 1]
    return [value for value in first if value <= bound], [value for value in second if value <= bound]


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    middle = mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
