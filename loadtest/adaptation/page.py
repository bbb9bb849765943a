"""The study for people: a table on the screen, and one HTML file that needs nothing else, in light and dark."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.table import Table

from loadtest.adaptation.policies import POLICIES
from loadtest.adaptation.scenarios import steps
from loadtest.adaptation.study import CHARTED, TARGET, Study, name
from loadtest.adaptation.world import Scenario
from loadtest.bench.page import STYLE
from loadtest.lines import Axes, Series, lines

_TEMPLATE = Path(__file__).with_name("page.html")
_COLOURS = dict(zip(POLICIES, ("one", "two", "rest", "three", "four"), strict=True))


def render(study: Study) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        day=f"{datetime.fromisoformat(study.started_at):%-d %B %Y, %H:%M} UTC",
        study=study,
        target=TARGET,
        name=name,
        charts=list(_charts(study)),
    )


def table(study: Study) -> Table:
    """The cells, for a terminal."""
    phases = ("all servers", "half", "all again")
    found = Table("registry", "policy", "workers", "runs", *phases, "most inside", title="Share of capacity")
    for cell in study.cells:
        figures = [f"{mean:.2f} ({least:.2f})" for mean, least in zip(cell.means, cell.least, strict=True)]
        crowd = f"{max(cell.crowds):.1f} K"
        found.add_row(name(cell.registry), cell.policy, str(cell.workers), str(cell.runs), *figures, crowd)
    return found


def capacity(scenario: Scenario) -> Sequence[tuple[float, float]]:
    """What the registry could give, as a line."""
    ends = [phase.at_seconds for phase in scenario.phases[1:]] + [scenario.seconds]
    return [
        (at, phase.per_second)
        for phase, end in zip(scenario.phases, ends, strict=True)
        for at in (phase.at_seconds, end)
    ]


def _charts(study: Study) -> Iterator[tuple[str, Markup]]:
    for registry in CHARTED:
        curves = [curve for curve in study.curves if curve.registry == registry]
        series = [Series(name="capacity", colour="limit", points=capacity(steps(registry, workers=4)))]
        series += [Series(name=one.policy, colour=_COLOURS[one.policy], points=one.points) for one in curves]
        yield name(registry), lines(series, Axes(x="seconds", y="answers per second"))
