"""The forecast as one HTML file that needs nothing else: it opens offline, in light and dark."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from loadtest.bench.page import STYLE
from loadtest.forecast.report import Case, Report
from loadtest.lines import Axes, Series, lines

_TEMPLATE = Path(__file__).with_name("page.html")
_COLOURS = ("one", "two", "three", "rest")
_HOUR = 3_600.0


def render(report: Report) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value, digits=0: f"{value:,.{digits}f}"
    environment.filters["hours"] = lambda value: "–" if value is None else f"{value / _HOUR:,.1f} h"
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        report=report,
        charts=_charts(report.cases),
    )


def _charts(cases: Sequence[Case]) -> list[tuple[str, Markup]]:
    waiting, decided = [], []
    for case, colour in zip(cases, _COLOURS * len(cases), strict=False):
        points = case.moments
        waiting.append(
            Series(name=case.name, colour=colour, points=[(one.seconds / _HOUR, one.waiting) for one in points])
        )
        decided.append(
            Series(
                name=case.name, colour=colour, points=[(one.seconds / _HOUR, one.decided_share * 100) for one in points]
            )
        )
    first = cases[0].moments
    came = [Series(name="registered", colour="one", points=[(one.seconds / _HOUR, one.registered) for one in first])]
    came.append(
        Series(name="mail confirmed", colour="two", points=[(one.seconds / _HOUR, one.confirmed) for one in first])
    )
    return [
        ("Who has come", lines(came, Axes(x="hours from the opening", y="people"))),
        ("Waiting for a verdict on the NIK", lines(waiting, Axes(x="hours from the opening", y="people"))),
        ("Share with a verdict", lines(decided, Axes(x="hours from the opening", y="%"))),
    ]
