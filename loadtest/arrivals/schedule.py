"""When arrivals are due: a curve of intensity over time, and the clocks that follow it.

A curve says which part of the full rate is offered at each moment. A clock of `rate` arrivals per second (at full
intensity) is due whenever the work it has accumulated, rate times the integral of the curve, passes its next mark:
marks one apart are an evenly spaced clock, marks an exponential draw apart are a Poisson process. Many clocks add up to
their sum, in any number of processes and without talking to each other.

Pure: no clock is read here, and nothing is lost if the process dies.
"""

import bisect
import enum
import itertools
import math
import random
from collections.abc import Iterator, Sequence

import msgspec


class Spacing(enum.StrEnum):
    """How the arrivals of one clock lie."""

    CONSTANT = "constant"
    POISSON = "poisson"


class Point(msgspec.Struct, frozen=True):
    """At `seconds` from the start the intensity is `intensity`; between two points it changes in a straight line."""

    seconds: float
    intensity: float


class Curve:
    """A piecewise linear intensity. Two points at one time are a step. After the last point nobody comes."""

    def __init__(self, points: Sequence[Point]) -> None:
        if len(points) < 2 or points[0].seconds != 0:  # noqa: PLR2004 - a line has two ends
            raise ValueError("a curve begins at 0 s and has an end")
        if any(after.seconds < before.seconds for before, after in itertools.pairwise(points)):
            raise ValueError("the points of a curve are in the order of time")
        if any(point.intensity < 0 or not math.isfinite(point.intensity) for point in points):
            raise ValueError("an intensity is a finite number, 0 or more")
        self.points = tuple(points)
        self._seconds = [point.seconds for point in points]
        self._work = [0.0, *itertools.accumulate(_area(*pair) for pair in itertools.pairwise(points))]

    @property
    def end_seconds(self) -> float:
        """When it ends."""
        return self._seconds[-1]

    @property
    def total(self) -> float:
        """Seconds of full intensity that it is worth."""
        return self._work[-1]

    @property
    def most(self) -> float:
        """Its highest intensity."""
        return max(point.intensity for point in self.points)

    def intensity(self, seconds: float) -> float:
        """The intensity at one moment; 0 outside the curve."""
        if not 0 <= seconds < self.end_seconds:
            return 0.0
        place = bisect.bisect_right(self._seconds, seconds) - 1
        before, after = self.points[place], self.points[place + 1]
        share = (seconds - before.seconds) / (after.seconds - before.seconds)
        return before.intensity + share * (after.intensity - before.intensity)

    def work(self, seconds: float) -> float:
        """The integral of the intensity from the start until `seconds`."""
        if seconds <= 0:
            return 0.0
        if seconds >= self.end_seconds:
            return self.total
        place = bisect.bisect_right(self._seconds, seconds) - 1
        passed = seconds - self._seconds[place]
        before = self.points[place].intensity
        return self._work[place] + passed * (before + self.intensity(seconds)) / 2

    def when(self, work: float) -> float | None:
        """The moment at which so much work has come together, or None when the curve ends before."""
        if work >= self.total:
            return None
        place = bisect.bisect_right(self._work, work) - 1
        before, after = self.points[place], self.points[place + 1]
        left = work - self._work[place]
        slope = (after.intensity - before.intensity) / (after.seconds - before.seconds)
        # slope/2 · t² + intensity · t = left, in the form that is also right for a slope of 0.
        root = math.sqrt(max(0.0, before.intensity**2 + 2 * slope * left))
        divisor = before.intensity + root
        return before.seconds + (2 * left / divisor if divisor > 0 else 0.0)

    def stretched(self, factor: float) -> "Curve":
        """The same curve in `factor` times the time: below 1 it is compressed. Intensities stay."""
        return Curve([Point(point.seconds * factor, point.intensity) for point in self.points])


def flat(seconds: float) -> Curve:
    """Full intensity all the time."""
    return Curve([Point(0, 1), Point(seconds, 1)])


def due_times(
    curve: Curve, *, rate: float, spacing: Spacing, randomness: random.Random, since: float = 0.0
) -> Iterator[float]:
    """The moments, in seconds from the curve's start, at which one clock of `rate` is due, from `since` on."""
    if rate <= 0:
        return
    mark = curve.work(since) * rate + (randomness.random() if spacing is Spacing.CONSTANT else _draw(randomness))
    while (seconds := curve.when(mark / rate)) is not None:
        yield seconds
        mark += 1.0 if spacing is Spacing.CONSTANT else _draw(randomness)


def _draw(randomness: random.Random) -> float:
    return randomness.expovariate(1.0)


def _area(before: Point, after: Point) -> float:
    return (after.seconds - before.seconds) * (before.intensity + after.intensity) / 2
