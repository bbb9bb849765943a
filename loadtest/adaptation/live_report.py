"""A live run for people and programs: a table on the screen, JSON, and one HTML file that needs nothing else."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.table import Table

from loadtest.adaptation.live import Live
from loadtest.adaptation.page import capacity
from loadtest.adaptation.scenarios import Registry, steps
from loadtest.adaptation.study import OURS, TARGET, name
from loadtest.bench.page import STYLE
from loadtest.lines import Axes, Series, lines

_TEMPLATE = Path(__file__).with_name("live.html")
_COLOURS = ("one", "two", "three", "rest")


class LiveReport(msgspec.Struct, frozen=True):
    """Every way in its turn, on one machine: the registry, how long each of the three legs was, and counts."""

    started_at: str
    registry: Registry
    leg_seconds: float
    runs: Sequence[Live]

    @property
    def missed(self) -> Sequence[Live]:
        """Ours, where some leg is below the target."""
        return [run for run in self.runs if run.policy == OURS and min(run.shares) < TARGET]


def table(report: LiveReport) -> Table:
    """For a terminal."""
    found = Table("policy", "workers", "all servers", "half", "all again", "calls", "most inside", title=_title(report))
    for run in report.runs:
        shares = [f"{share:.2f}" for share in run.shares]
        found.add_row(run.policy, str(run.workers), *shares, str(run.calls), str(run.most_in_flight))
    return found


def render(report: LiveReport) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        day=f"{datetime.fromisoformat(report.started_at):%-d %B %Y, %H:%M} UTC",
        report=report,
        title=_title(report),
        target=TARGET,
        chart=chart(report),
    )


def chart(report: LiveReport) -> Markup:
    """Verdicts per second of every run beside what the registry can give."""
    scenario = steps(report.registry, workers=1, leg_seconds=report.leg_seconds)
    series = [Series(name="capacity", colour="limit", points=capacity(scenario))]
    for run, colour in zip(report.runs, _COLOURS, strict=False):
        series.append(Series(name=label(run), colour=colour, points=run.points))
    return lines(series, Axes(x="seconds", y="verdicts per second"))


def label(run: Live) -> str:
    """For people."""
    return f"{run.policy}, {run.workers} workers" if run.workers > 1 else run.policy


def _title(report: LiveReport) -> str:
    return f"{name(report.registry)}: share of capacity, live"
