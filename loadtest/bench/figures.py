"""From measurements to figures: for each contender the median and range over the rounds, and ratios of each round.

A ratio is taken within a round, where both sides met the same machine, and only then the median of the rounds. Pure.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

from loadtest.bench.rounds import Measurement

RATE, CPU = "rate", "cpu"
_FIGURES: Mapping[str, Callable[[Measurement], float]] = {
    RATE: lambda measurement: measurement.per_second,
    CPU: lambda measurement: measurement.cpu_us_total,
}


class Spread(msgspec.Struct, frozen=True):
    """How a figure lies over the rounds."""

    median: float
    least: float
    most: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One contender over all rounds. `cpu_us` is by process group, in µs for each accepted registration."""

    contender: str
    per_second: Spread
    p50_ms: Spread
    p99_ms: Spread
    cpu_us: dict[str, Spread]
    cpu_us_total: Spread
    generator_cpu_us: Spread
    accepted: int
    refused: int
    rows: int | None
    entries: int | None


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` divided by `base`, of `figure` ("rate" or "cpu"): of each round, and the median."""

    figure: str
    subject: str
    base: str
    rounds: tuple[float, ...]
    median: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def figures(measurements: Sequence[Measurement]) -> tuple[Figures, ...]:
    """One entry for each contender, in the order in which they first appear."""
    names = list(dict.fromkeys(measurement.contender for measurement in measurements))
    return tuple(_figures(name, [m for m in measurements if m.contender == name]) for name in names)


def ratios(measurements: Sequence[Measurement], *, subject: str) -> tuple[Ratio, ...]:
    """The subject against each other contender; none when it took no part."""
    rounds: dict[int, dict[str, Measurement]] = {}
    for measurement in measurements:
        rounds.setdefault(measurement.round, {})[measurement.contender] = measurement
    others = [name for name in dict.fromkeys(m.contender for m in measurements) if name != subject]
    found = (_ratio(figure, subject, base, list(rounds.values())) for base in others for figure in _FIGURES)
    return tuple(ratio for ratio in found if ratio is not None)


def _figures(name: str, own: Sequence[Measurement]) -> Figures:
    stored = [m.stored for m in own if m.stored is not None]
    return Figures(
        contender=name,
        per_second=spread([m.per_second for m in own]),
        p50_ms=spread([m.load.p50_ms for m in own]),
        p99_ms=spread([m.load.p99_ms for m in own]),
        cpu_us={group: spread([m.cpu_us[group] for m in own]) for group in own[0].cpu_us},
        cpu_us_total=spread([m.cpu_us_total for m in own]),
        generator_cpu_us=spread([m.generator_cpu_us for m in own]),
        accepted=sum(m.load.accepted for m in own),
        refused=sum(m.load.refused for m in own),
        rows=sum(found.rows for found in stored) if stored else None,
        entries=sum(found.entries for found in stored) if stored else None,
    )


def _ratio(figure: str, subject: str, base: str, rounds: Sequence[Mapping[str, Measurement]]) -> Ratio | None:
    value = _FIGURES[figure]
    pairs = [(value(row[subject]), value(row[base])) for row in rounds if subject in row and base in row]
    quotients = tuple(upper / lower for upper, lower in pairs if lower > 0)
    if not quotients:
        return None
    return Ratio(figure=figure, subject=subject, base=base, rounds=quotients, median=statistics.median(quotients))
