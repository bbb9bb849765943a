"""The rounds: each contender in turn, warmed up, emptied, loaded, counted; the order turns by one each round.

Each contender is started for its measurement and stopped after it, so that none takes CPU or memory from the next.
Nothing is kept: a run that is killed proves nothing.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from loadtest.bench import processes
from loadtest.bench.contender import Contender, Serving
from loadtest.bench.load import Generator, Load
from loadtest.bench.processes import Snapshot
from loadtest.bench.stock import Counted

WARM_UP_SECONDS = 2.0
BODIES_PER_SECOND = 25_000  # so that a front door meets nobody twice: what repeats is limited, and costs more
Item = TypeVar("Item")


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one round. CPU is in µs for each accepted registration, of each process group.

    `stored` is what was counted afterwards, None for a contender that stores nothing. `foreign_share` is the part of
    the machine that was busy with anything but contender and generator, `stolen_share` what the host took away.
    """

    contender: str
    round: int
    load: Load
    stored: Counted | None
    cpu_us: dict[str, float]
    generator_cpu_us: float
    foreign_share: float
    stolen_share: float

    @property
    def per_second(self) -> float:
        """Accepted registrations per second, from the first request to the last answer."""
        return self.load.accepted / self.load.seconds

    @property
    def cpu_us_total(self) -> float:
        """Of all groups together."""
        return sum(self.cpu_us.values())

    @property
    def flaw(self) -> str | None:
        """Why it proves nothing, if it does not."""
        where = f"{self.contender}, round {self.round}"
        if self.load.accepted == 0:
            return f"{where}: nothing was accepted ({self.load.refused:,} refused, {self.load.broken:,} broken)"
        if self.stored is not None and self.stored.rows != self.load.accepted:
            return f"{where}: {self.load.accepted:,} accepted, {self.stored.rows:,} rows"
        if self.load.broken:
            return f"{where}: {self.load.broken:,} connections broken or answers too late"
        return None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """How to measure: the generator, for how long, and where to say what happens."""

    generator: Generator
    seconds: float
    say: Callable[[str], None]

    def run(self, contenders: Sequence[Contender], rounds: int) -> list[Measurement]:
        """All rounds. Raises `ServingError` and `LoadError`."""
        measurements = []
        for number in range(1, rounds + 1):
            for contender in turned(contenders, number - 1):
                measurement = self.measure(contender, number)
                self.say(line(measurement, rounds))
                measurements.append(measurement)
        return measurements

    def measure(self, contender: Contender, number: int) -> Measurement:
        """Start one contender, warm it up, empty its stores, load it, count, stop it."""
        prefix = f"bench-{secrets.token_hex(6)}"
        with contender.serve() as serving:
            self.warm_up(serving, prefix)
            if contender.stock is not None:
                contender.stock.reset()
            load, before, after = self.load(serving, prefix)
            stored = None if contender.stock is None else contender.stock.count()
        return measurement(contender.name, number, load=load, stored=stored, before=before, after=after)

    def warm_up(self, serving: Serving, prefix: str) -> None:
        """Some load that nobody looks at, from people whom `load` does not send."""
        self.generator.offer(serving.url, seconds=min(WARM_UP_SECONDS, self.seconds), prefix=f"{prefix}-warm")

    def load(self, serving: Serving, prefix: str) -> tuple[Load, Snapshot, Snapshot]:
        """What the generator saw, and the CPU times around it."""
        before = processes.snapshot(serving.groups)
        first_body = int(BODIES_PER_SECOND * WARM_UP_SECONDS)
        load = self.generator.offer(serving.url, seconds=self.seconds, prefix=prefix, first_body=first_body)
        return load, before, processes.snapshot(serving.groups)


def turned(items: Sequence[Item], by: int) -> list[Item]:
    """The same contenders, beginning with another one."""
    start = by % len(items)
    return [*items[start:], *items[:start]]


def measurement(
    name: str, number: int, *, load: Load, stored: Counted | None, before: Snapshot, after: Snapshot
) -> Measurement:
    """Put together what was seen of one contender."""
    accepted = max(load.accepted, 1)
    spent = {group: after.groups[group] - before.groups[group] for group in after.groups}
    passed = max(after.passed - before.passed, 1e-9)
    foreign = after.machine - before.machine - sum(spent.values()) - load.generator_cpu_seconds
    return Measurement(
        contender=name,
        round=number,
        load=load,
        stored=stored,
        cpu_us={group: seconds * 1e6 / accepted for group, seconds in spent.items()},
        generator_cpu_us=load.generator_cpu_seconds * 1e6 / accepted,
        foreign_share=max(0.0, foreign / passed),
        stolen_share=(after.stolen - before.stolen) / passed,
    )


def line(measurement: Measurement, rounds: int) -> str:
    """One line of progress."""
    return (
        f"round {measurement.round}/{rounds}  {measurement.contender:<14} {measurement.per_second:>8,.0f}/s"
        f"  p99 {measurement.load.p99_ms:>8,.1f} ms  {measurement.cpu_us_total:>7,.0f} µs CPU"
        f"  others {measurement.foreign_share:.0%}{'  ' + measurement.flaw if measurement.flaw else ''}"
    )
