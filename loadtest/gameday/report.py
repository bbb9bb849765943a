"""What came of a game day, as a table for people and as JSON."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.bench.machine import Machine
from loadtest.gameday.pager import Told


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. Seconds are None where it did not come; `others` is what was told besides."""

    fault: str
    does: str
    expected: Told
    told_seconds: float | None
    cleared_seconds: float | None
    others: Sequence[Told]

    @property
    def is_good(self) -> bool:
        """Told in time, cleared, and nothing else told: no other page, no other ticket."""
        return self.told_seconds is not None and self.cleared_seconds is not None and not self.others


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One game day. `compression` is how many times faster alerting's time went."""

    command: str
    compression: float
    rate: float
    quiet_seconds: float
    quiet_told: Sequence[Told]
    outcomes: Sequence[Outcome]
    left_out: Sequence[str]
    machine: Machine | None = None
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 when each fault was told exactly, and the quiet time was quiet."""
        good = not self.quiet_told and not self.interrupted and all(outcome.is_good for outcome in self.outcomes)
        return 0 if good else 1

    def to_json(self) -> bytes:
        """The report as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def show(report: Report, console: Console) -> None:
    """Print the report."""
    table = Table(title="Game day", title_justify="left")
    for name in ("fault", "predicted", "told after", "cleared after", "told besides", ""):
        table.add_column(name, overflow="fold")
    for one in report.outcomes:
        others = ", ".join(f"{other.severity} {other}" for other in one.others)
        verdict = "as predicted" if one.is_good else "NOT AS PREDICTED"
        table.add_row(
            one.fault,
            f"{one.expected.severity} {one.expected}",
            _seconds(one.told_seconds),
            _seconds(one.cleared_seconds),
            others,
            verdict,
        )
    console.print(table)
    quiet = ", ".join(map(str, report.quiet_told)) or "nothing was told"
    console.print(f"Quiet for {report.quiet_seconds:.0f} s before: {quiet}.")
    console.print(f"Alerting's time went {report.compression:g} times as fast; {report.rate:g} registrations a second.")
    for name in report.left_out:
        console.print(f"Left out: {name}, which needs a small disk of its own (root may mount one).")
    good = sum(outcome.is_good for outcome in report.outcomes)
    console.print(f"{good} of {len(report.outcomes)} as predicted.")
    if report.interrupted:
        console.print("Ended early.")


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"
