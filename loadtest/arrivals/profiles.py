"""Named curves of arrivals over time. Each is relative: 1 is the full rate, which whoever runs it chooses.

`wave1` is the opening of the first wave of 2020: 80,000 registrants in the first minute and 1,432,133 within 21 hours,
from Saturday 19:00 WIB to Sunday 16:00 WIB. What is between these figures was not published; the shape of the day is an
assumption: the rush halves every few minutes, the night is quiet, the morning rises. At a full rate of
`WAVE1_PEAK_PER_SECOND` the curve gives exactly the published numbers.

Pure.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

from loadtest.arrivals.schedule import Curve, Point, flat

WAVE1_FIRST_MINUTE = 80_000
WAVE1_REGISTERED = 1_432_133
WAVE1_HOURS = 21
WAVE1_PEAK_PER_SECOND = WAVE1_FIRST_MINUTE / 60
_HOUR = 3_600.0
_DAY = 24 * _HOUR

# Hours after the opening at 19:00 and how lively it is then, relative to each other: evening, night, Sunday.
_WAVE1_DAY: Sequence[tuple[float, float]] = (
    *((0.5, 1.5), (1, 1.25), (2, 1.15), (4, 1.0), (6, 0.65), (8, 0.5), (10, 0.6)),
    *((12, 0.9), (14, 1.1), (16, 1.1), (18, 1.05), (20, 1.0), (21, 0.95)),
)
_RUSH_HALVES_SECONDS = 120.0
_RUSH_SECONDS = 900.0

# A day's liveliness by the hour, for longer runs.
_DAY_HOURS = (
    *(0.35, 0.2, 0.12, 0.1, 0.12, 0.25, 0.45, 0.7, 0.9, 1.0, 1.0, 0.95),
    *(0.85, 0.9, 0.95, 0.95, 0.9, 0.8, 0.75, 0.85, 0.9, 0.85, 0.7, 0.5),
)


def wave1() -> Curve:
    """The opening of 2020 as it was, 21 hours long."""
    rush = _rush()
    rest = [Point(hours * _HOUR, level) for hours, level in _WAVE1_DAY]
    # The day's level follows from the total: what the first minute and the rush have not brought.
    wanted = WAVE1_REGISTERED / WAVE1_PEAK_PER_SECOND
    ends_at = rush[-1].seconds

    def with_level(level: float) -> Curve:
        day = [Point(point.seconds, point.intensity * level) for point in rest if point.seconds > ends_at]
        return Curve([*rush, Point(ends_at, day[0].intensity), *day])

    # The area is linear in the level, so two of them tell which one is right.
    none, one = with_level(0.0).total, with_level(1.0).total
    return with_level((wanted - none) / (one - none))


def steady(seconds: float = 300.0) -> Curve:
    """The full rate, all the time."""
    return flat(seconds)


def staircase(steps: int = 10, seconds: float = 300.0) -> Curve:
    """From a tenth (of ten steps) to the full rate, in equal steps."""
    edges = [(step * seconds / steps, (step + 1) / steps) for step in range(steps)]
    return _stepped(edges, seconds)


def spike(seconds: float = 300.0) -> Curve:
    """A tenth of the rate, for a minute (of five) all of it, and a tenth again."""
    return _stepped([(0, 0.1), (0.4 * seconds, 1.0), (0.6 * seconds, 0.1)], seconds)


def soak(seconds: float = _DAY) -> Curve:
    """A day from midnight to midnight."""
    hours = [Point(hour / 24 * seconds, level) for hour, level in enumerate(_DAY_HOURS)]
    return Curve([*hours, Point(seconds, _DAY_HOURS[0])])


def recovery(seconds: float = 300.0, baseline: float = 0.4) -> Curve:
    """A baseline for a fifth of the time, the full rate as an overload for two fifths, and the baseline again."""
    return _stepped([(0, baseline), (0.2 * seconds, 1.0), (0.6 * seconds, baseline)], seconds)


def closing(seconds: float = 4 * _HOUR) -> Curve:
    """The last hours before a wave closes on Thursday at 16:00 WIB: an ever steeper rush, and then nobody."""
    shares = (0.0, 0.25, 0.5, 0.75, 0.875, 0.9375, 0.98, 1.0)
    levels = (0.12, 0.15, 0.2, 0.32, 0.48, 0.7, 0.9, 1.0)
    return Curve([Point(share * seconds, level) for share, level in zip(shares, levels, strict=True)])


def submissions(seconds: float = 30 * 60.0) -> Curve:
    """Who began the test within a few minutes of each other ends it: the most just before its 25 minutes are over.

    How people spread over the 25 minutes is an assumption; those who began late make the last five.
    """
    minutes = ((0, 0.0), (5, 0.02), (8, 0.1), (12, 0.35), (16, 0.6), (20, 0.75), (23, 0.9), (24.5, 1.0), (25, 1.0))
    tail = ((25, 0.3), (28, 0.1), (30, 0.0))
    return Curve([Point(minute / 30 * seconds, level) for minute, level in (*minutes, *tail)])


PROFILES: Mapping[str, Callable[[], Curve]] = {
    "wave1": wave1,
    "steady": steady,
    "staircase": staircase,
    "spike": spike,
    "soak": soak,
    "recovery": recovery,
    "closing": closing,
    "submissions": submissions,
}


def _rush() -> list[Point]:
    """The first minute at full intensity, and the rush that ebbs away after it."""
    ebb = [
        Point(60 + passed, 0.5 ** (passed / _RUSH_HALVES_SECONDS)) for passed in range(60, int(_RUSH_SECONDS) + 1, 60)
    ]
    return [Point(0, 1), Point(60, 1), Point(60, 0.5), *(Point(p.seconds, p.intensity / 2) for p in ebb)]


def _stepped(edges: Sequence[tuple[float, float]], end: float) -> Curve:
    """A curve that holds each level from its moment until the next one's."""
    points = []
    for (begin, level), (until, _) in itertools.pairwise([*edges, (end, 0.0)]):
        points += [Point(begin, level), Point(until, level)]
    return Curve(points)
