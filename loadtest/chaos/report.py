"""What came of a fault run, as a table for people and as JSON.

Pure: nothing is lost if the process dies that was not shown yet.
"""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.bench.machine import Machine
from loadtest.chaos.faults import Finding

HOLDS, BROKEN = 0, 1
_WORDS = {True: "holds", False: "BROKEN", None: "—"}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `acked` is N of every bound; `strikes` and `kills` are by name."""

    command: str
    seed: int
    seconds: float
    rate: float
    acked: int
    walked: int
    kills: int
    strikes: Mapping[str, int]
    kills_by_process: Mapping[str, int]
    findings: Sequence[Finding]
    answers: Mapping[str, int]
    machine: Machine | None = None

    @property
    def exit_code(self) -> int:
        """0 when everything that was judged holds."""
        return BROKEN if any(finding.holds is False for finding in self.findings) else HOLDS

    def to_json(self) -> bytes:
        """The report as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def show(report: Report, console: Console) -> None:
    """Print the report."""
    faults = Table(title="Faults", title_justify="left")
    faults.add_column("fault")
    faults.add_column("strikes", justify="right")
    for name, count in sorted(report.strikes.items()):
        faults.add_row(name, f"{count:,}")
    console.print(faults)
    findings = Table(title="Ledger", title_justify="left")
    for name in ("", "what", "seen", ""):
        findings.add_column(name, overflow="fold")
    for finding in sorted(report.findings, key=lambda found: (int(found.invariant[1:]), found.what)):
        findings.add_row(finding.invariant, finding.what, finding.figure, _WORDS[finding.holds])
    console.print(findings)
    console.print(
        f"{report.acked:,} acked and {report.kills:,} kills in {report.seconds:,.0f} s at {report.rate:g} a second,"
        f" seed {report.seed}."
    )
    console.print(f"Again: {report.command}")
    broken = sum(finding.holds is False for finding in report.findings)
    console.print("Everything holds." if not broken else f"{broken} BROKEN.")
