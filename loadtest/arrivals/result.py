"""The result of one run of the generator: everything that was counted, and whether the generator did its work.

Knows nothing of Locust: whoever judges a run reads the file that Locust wrote.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from hdrh.histogram import HdrHistogram

from loadtest.arrivals.account import Report, SecondReport, added

# From here on a process of the generator has no time left to be punctual (it is one thread).
BUSY_SHARE = 0.9
CLOCK_DRIFT_SECONDS = 0.25


class ResultError(ValueError):
    """The file is no result of a run."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `wall_started_at` is in seconds since the epoch; `missing` counts workers that were lost.

    An arrival that is sent more than `lag_limit_seconds` after it was due is late.
    """

    run: str
    people_seed: int
    wall_started_at: float
    processes: int
    missing: int
    cpu_warning: bool
    lag_limit_seconds: float
    report: Report

    def to_json(self) -> bytes:
        """For programs; histograms are in HdrHistogram's V2 compressed form, base64."""
        return msgspec.json.encode(self)

    def window(self, begin: float = 0.0, end: float = float("inf")) -> "Window":
        """The arrivals that were intended from second `begin` until before `end`."""
        chosen = [cell for second, cell in sorted(self.report.seconds.items()) if begin <= second < end]
        return Window(chosen)

    def seconds(self) -> Iterator[tuple[int, "Window"]]:
        """Second by second."""
        for second, cell in sorted(self.report.seconds.items()):
            yield second, Window([cell])


class Window:
    """Some seconds of a run together."""

    def __init__(self, cells: list[SecondReport]) -> None:
        total = SecondReport()
        for cell in cells:
            total += cell
        self.seconds = len(cells)
        self.due, self.sent, self.unsent = total.due, total.sent, total.unsent
        self.answers = total.answers
        self.latency: HdrHistogram = added(total.latency)
        self.service: HdrHistogram = added(total.service)
        self.lag: HdrHistogram = added(total.lag)

    @property
    def errors(self) -> dict[str, int]:
        """Answers that were not as they should be."""
        return {name: count for name, count in self.answers.items() if not name.endswith(": ok")}

    def milliseconds(self, percentile: float, of: str = "latency") -> float:
        """A percentile of `latency`, `service` or `lag`; 0 when nothing was measured."""
        found: HdrHistogram = getattr(self, of)
        return found.get_value_at_percentile(percentile) / 1e3 if found.get_total_count() else 0.0


def read(path: Path) -> Result:
    """A result that Locust wrote; raises `ResultError` when it is none, and OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ResultError(f"{path} is no result of a run: {error}") from error


def generator_flaws(result: Result) -> tuple[str, ...]:
    """Why the run says nothing about the system, if it does not."""
    report, whole = result.report, result.window()
    lag_p99 = whole.milliseconds(99, "lag")
    checks = (
        (not whole.due, "nobody was due"),
        (result.missing > 0, f"{result.missing} processes of the generator went missing, and their counts with them"),
        (
            report.bound_reached > 0,
            f"{report.bound_reached:,} arrivals were not sent, since {report.in_flight_most:,} were under way at once",
        ),
        (
            whole.unsent > report.bound_reached,
            f"{whole.unsent - report.bound_reached:,} of {whole.due:,} arrivals were due and not sent before the end",
        ),
        (report.in_flight > 0, f"{report.in_flight:,} arrivals were still under way when the generator was stopped"),
        (
            result.cpu_warning or report.busy_share_most > BUSY_SHARE,
            f"a process of the generator was out of CPU ({report.busy_share_most:.0%} of a core)",
        ),
        (
            lag_p99 > result.lag_limit_seconds * 1e3,
            f"the generator was late: one arrival in a hundred by more than {lag_p99:,.0f} ms",
        ),
        (
            abs(report.clock_drift_seconds) > CLOCK_DRIFT_SECONDS,
            f"the generator's clock jumped by {report.clock_drift_seconds:+.2f} s",
        ),
        (bool(report.bugs), f"the generator failed: {report.bugs[0] if report.bugs else ''}"),
    )
    return tuple(words for found, words in checks if found)
