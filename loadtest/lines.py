"""Line charts as SVG: several series over one axis, a level that must not be passed, points where they were measured.

Colours are classes, so that the page's style decides them for light and dark. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from loadtest.bench.charts import ticks

_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 16, 14, 42
_MOST_POINTS = 700


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line, or with `dots` its points alone."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What is along the axes. `limit` is a level to be drawn, with its name; `top` cuts what is higher off."""

    x: str
    y: str
    limit: tuple[float, str] | None = None
    top: float | None = None


def lines(series: Sequence[Series], axes: Axes) -> Markup:
    """The chart, with a key below it where there are several series."""
    shown = [one for one in series if one.points]
    xs = [x for one in shown for x, _ in one.points] or [0.0, 1.0]
    ys = [y for one in shown for _, y in one.points] or [1.0]
    highest = max([*ys, axes.limit[0] if axes.limit else 0.0])
    across, up = ticks(max(xs)), ticks(min(highest, axes.top) if axes.top else highest)
    drawn = [_grid(across, up, axes)]
    if axes.limit:
        y = _y(axes.limit[0], up[-1])
        drawn.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        drawn.append(
            f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{y - 5}" text-anchor="end">{escape(axes.limit[1])}</text>'
        )
    drawn += [_drawn(one, across[-1], up[-1]) for one in shown]
    words = ", ".join(one.name for one in shown)
    chart = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(axes.y)} over {escape(axes.x)}:'
        f' {escape(words)}">{"".join(drawn)}</svg>'
    )
    return Markup(chart + _key(shown))  # noqa: S704 - made here of numbers and of escaped names


def _grid(across: Sequence[float], up: Sequence[float], axes: Axes) -> str:
    parts = []
    for value in across:
        x = _x(value, across[-1])
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{_HEIGHT - 24}" text-anchor="middle">{value:,.10g}</text>')
    for value in up:
        y = _y(value, up[-1])
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{value:,.10g}</text>')
    parts.append(
        f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{escape(axes.x)}</text>'
    )
    parts.append(f'<text class="tick" x="{_LEFT + 4}" y="{_TOP - 3}">{escape(axes.y)}</text>')
    return "".join(parts)


def _drawn(one: Series, most_x: float, most_y: float) -> str:
    step = max(1, len(one.points) // _MOST_POINTS)
    places = [(_x(x, most_x), _y(min(y, most_y), most_y)) for x, y in one.points[::step]]
    if one.dots:
        return "".join(f'<circle class="{one.colour}" cx="{x}" cy="{y}" r="4"/>' for x, y in places)
    path = "L".join(f"{x} {y}" for x, y in places)
    return f'<path class="line {one.colour}" d="M{path}"/>'


def _key(series: Sequence[Series]) -> str:
    if len(series) < 2:  # noqa: PLR2004 - one needs no key
        return ""
    marks = "".join(
        f'<span class="key"><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{one.colour} fill" width="12"'
        f' height="12" rx="2"/></svg>{escape(one.name)}</span>'
        for one in series
    )
    return f"<figcaption>{marks}</figcaption>"


def _x(value: float, most: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / max(most, 1e-9), 1)


def _y(value: float, most: float) -> float:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / max(most, 1e-9), 1)
