"""What a process of the generator counted, second by second of the *intended* arrival; mergeable over processes.

Three histograms a second (HdrHistogram, three digits, V2 compressed on the wire): `latency` from the intended start of
an arrival (of a body that is sent slowly on purpose: from its intended end) to its first answer, `service` from the
moment of sending, which is all that a closed model would see, and `lag` between the two, which is the generator's own
lateness. They are never corrected or averaged; they are added.

Each registration that is sent has a number, and every number ends as acked, refused or unknown. So that what was acked
can be looked up one by one afterwards, numbers travel as ranges.

A process sends what is new since its last report, so a report that is lost loses what was in it: the numbers then do
not add up, and the run is not valid.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

HIGHEST_MICROSECONDS = 120_000_000
_DIGITS = 3

Range = tuple[int, int]  # first number and the one after the last


class Cell:
    """One second of intended arrivals."""

    __slots__ = ("answers", "due", "lag", "latency", "sent", "service", "unsent")

    def __init__(self) -> None:
        self.due = 0
        self.sent = 0
        self.unsent = 0
        self.answers: Counter[str] = Counter()
        self.latency = histogram()
        self.service = histogram()
        self.lag = histogram()


class SecondReport(msgspec.Struct, frozen=True, kw_only=True):
    """A cell on the wire: counts, answers by `"REQUEST: OUTCOME"`, and each histogram's parts, encoded."""

    due: int = 0
    sent: int = 0
    unsent: int = 0
    answers: dict[str, int] = msgspec.field(default_factory=dict)
    latency: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    lag: tuple[str, ...] = ()

    def __add__(self, other: "SecondReport") -> "SecondReport":
        return SecondReport(
            due=self.due + other.due,
            sent=self.sent + other.sent,
            unsent=self.unsent + other.unsent,
            answers=dict(Counter(self.answers) + Counter(other.answers)),
            latency=self.latency + other.latency,
            service=self.service + other.service,
            lag=self.lag + other.lag,
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one process, or all of them, have to say. `in_flight_most` and `busy_share_most` are of the worst process.

    Numbers of registrations are under the name of the process that gave them out. `clock_drift_seconds` is how far the
    wall clock has moved against the monotonic one since the start, at worst.
    """

    seconds: dict[int, SecondReport] = msgspec.field(default_factory=dict)
    acked: dict[str, tuple[Range, ...]] = msgspec.field(default_factory=dict)
    refused: dict[str, tuple[Range, ...]] = msgspec.field(default_factory=dict)
    unknown: dict[str, tuple[Range, ...]] = msgspec.field(default_factory=dict)
    in_flight: int = 0
    in_flight_most: int = 0
    bound_reached: int = 0
    busy_share_most: float = 0.0
    cpu_seconds: float = 0.0
    clock_drift_seconds: float = 0.0
    bugs: tuple[str, ...] = ()

    def __add__(self, other: "Report") -> "Report":
        seconds = dict(self.seconds)
        for second, report in other.seconds.items():
            seconds[second] = seconds[second] + report if second in seconds else report
        return Report(
            seconds=seconds,
            acked=_joined(self.acked, other.acked),
            refused=_joined(self.refused, other.refused),
            unknown=_joined(self.unknown, other.unknown),
            in_flight=other.in_flight,
            in_flight_most=max(self.in_flight_most, other.in_flight_most),
            bound_reached=self.bound_reached + other.bound_reached,
            busy_share_most=max(self.busy_share_most, other.busy_share_most),
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            clock_drift_seconds=max(self.clock_drift_seconds, other.clock_drift_seconds, key=abs),
            bugs=(*self.bugs, *other.bugs)[:20],
        )

    def to_wire(self) -> dict[str, Any]:
        """The form that Locust's messages carry."""
        found: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return found

    @classmethod
    def from_wire(cls, content: Mapping[str, Any]) -> "Report":
        """What `to_wire` gave; raises `msgspec.ValidationError`."""
        return msgspec.convert(content, cls, strict=False)


class Account:
    """The books of one process of the generator."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.in_flight = 0
        self._in_flight_most = 0
        self._bound_reached = 0
        self._cells: dict[int, Cell] = {}
        self._acked: list[int] = []
        self._refused: list[int] = []
        self._unknown: list[int] = []
        self._bugs: list[str] = []

    def due(self, at: float, *, lag_seconds: float) -> None:
        """An arrival that was due `at` seconds from the start is sent now."""
        cell = self._cell(at)
        cell.due += 1
        cell.sent += 1
        cell.lag.record_value(_microseconds(lag_seconds))
        self.in_flight += 1
        self._in_flight_most = max(self._in_flight_most, self.in_flight)

    def skip(self, at: float) -> None:
        """An arrival was due and cannot be sent any more."""
        cell = self._cell(at)
        cell.due += 1
        cell.unsent += 1

    def refuse_to_send(self, at: float) -> None:
        """An arrival was due while as many were under way as may be."""
        self.skip(at)
        self._bound_reached += 1

    def answer(self, at: float, request: str, outcome: str) -> None:
        """Something came of one request of the arrival that was due `at`."""
        self._cell(at).answers[f"{request}: {outcome}"] += 1

    def measure(self, at: float, *, latency_seconds: float, service_seconds: float) -> None:
        """The first answer of an arrival came."""
        cell = self._cell(at)
        cell.latency.record_value(_microseconds(latency_seconds))
        cell.service.record_value(_microseconds(service_seconds))

    def end(self) -> None:
        """An arrival is through."""
        self.in_flight -= 1

    def acked(self, number: int) -> None:
        """The registration of this number was answered with 202."""
        self._acked.append(number)

    def refused(self, number: int) -> None:
        """It was answered with something that says it is not stored."""
        self._refused.append(number)

    def unknown(self, number: int) -> None:
        """No answer, or one that does not say: it may be stored."""
        self._unknown.append(number)

    def bug(self, kind: str) -> None:
        """The generator itself failed, which makes the run worthless."""
        if len(self._bugs) < 20:  # noqa: PLR2004 - enough to see what it is
            self._bugs.append(kind)

    def take(self, *, busy_share: float, cpu_seconds: float, clock_drift_seconds: float) -> Report:
        """What is new since the last time, in which the process spent `cpu_seconds`."""
        cells, self._cells = self._cells, {}
        report = Report(
            seconds={second: _report(cell) for second, cell in cells.items()},
            acked=self._ranges(self._acked),
            refused=self._ranges(self._refused),
            unknown=self._ranges(self._unknown),
            in_flight=self.in_flight,
            in_flight_most=self._in_flight_most,
            bound_reached=self._bound_reached,
            busy_share_most=busy_share,
            cpu_seconds=cpu_seconds,
            clock_drift_seconds=clock_drift_seconds,
            bugs=tuple(self._bugs),
        )
        self._bound_reached = 0
        self._bugs = []
        return report

    def _cell(self, at: float) -> Cell:
        second = int(at)
        cell = self._cells.get(second)
        if cell is None:
            cell = self._cells[second] = Cell()
        return cell

    def _ranges(self, numbers: list[int]) -> dict[str, tuple[Range, ...]]:
        found = ranges(numbers)
        numbers.clear()
        return {self.process: found} if found else {}


def histogram() -> HdrHistogram:
    """An empty histogram, in microseconds."""
    return HdrHistogram(1, HIGHEST_MICROSECONDS, _DIGITS)


def added(parts: Iterable[str]) -> HdrHistogram:
    """The sum of encoded histograms."""
    total = histogram()
    for part in parts:
        total.decode_and_add(part)
    return total


def ranges(numbers: Sequence[int]) -> tuple[Range, ...]:
    """Numbers in any order, each once, as ranges."""
    found: list[Range] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return tuple(found)


def merged(pieces: Sequence[Range]) -> tuple[Range, ...]:
    """Ranges in any order, none overlapping another, with neighbours put together."""
    found: list[Range] = []
    for first, end in sorted(pieces):
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return tuple(found)


def size(numbers: Mapping[str, Sequence[Range]]) -> int:
    """How many numbers there are."""
    return sum(end - first for pieces in numbers.values() for first, end in pieces)


def each(numbers: Mapping[str, Sequence[Range]]) -> Iterator[str]:
    """The idempotency keys, without the run's prefix, in order."""
    for process, pieces in numbers.items():
        for first, end in pieces:
            for number in range(first, end):
                yield f"{process}-{number}"


def _joined(
    one: Mapping[str, tuple[Range, ...]], other: Mapping[str, tuple[Range, ...]]
) -> dict[str, tuple[Range, ...]]:
    return {name: merged((*one.get(name, ()), *other.get(name, ()))) for name in {**one, **other}}


def _report(cell: Cell) -> SecondReport:
    return SecondReport(
        due=cell.due,
        sent=cell.sent,
        unsent=cell.unsent,
        answers=dict(cell.answers),
        latency=_encoded(cell.latency),
        service=_encoded(cell.service),
        lag=_encoded(cell.lag),
    )


def _encoded(full: HdrHistogram) -> tuple[str, ...]:
    return (full.encode().decode("ascii"),) if full.get_total_count() else ()


def _microseconds(seconds: float) -> int:
    return min(HIGHEST_MICROSECONDS, max(1, round(seconds * 1e6)))
