"""The report as one HTML file that needs nothing else: it opens offline, in light and dark."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from loadtest.bench import gate
from loadtest.bench.charts import Bar, bars
from loadtest.bench.contender import GROUPS
from loadtest.bench.figures import Figures
from loadtest.bench.report import Report

STYLE = Path(__file__).parents[1] / "page.css"
_TEMPLATE = Path(__file__).with_name("page.html")


def render(report: Report) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = _number
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        machine=report.machine,
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        day=f"{datetime.fromisoformat(report.started_at):%-d %B %Y, %H:%M} UTC",
        groups=GROUPS,
        rate_chart=_rates(report),
        cpu_chart=_cpu(report),
        verdicts=list(gate.judge(report)),
    )


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _rates(report: Report) -> Markup:
    rows = [
        Bar(name=one.contender, parts=[(_tone(one), one.per_second.median)], total=one.per_second)
        for one in report.figures
    ]
    return bars(rows, label="Accepted registrations per second")


def _cpu(report: Report) -> Markup:
    rows = [
        Bar(
            name=one.contender,
            parts=[(group, one.cpu_us[group].median) for group in GROUPS],
            total=one.cpu_us_total,
        )
        for one in report.figures
    ]
    return bars(rows, label="CPU microseconds for each accepted registration")


def _tone(one: Figures) -> str:
    return "ours" if one.contender == gate.SUBJECT else "theirs"
