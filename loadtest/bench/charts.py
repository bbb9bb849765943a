"""Bar charts as SVG: one bar for each contender, in parts where it has some, with a whisker from least to most.

Colours are classes, so that the page's style decides them for light and dark. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from loadtest.bench.figures import Spread

_WIDTH, _LEFT, _RIGHT = 760, 130, 90
_ROW, _BAR, _TOP, _BOTTOM = 44, 22, 8, 28
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """`parts` are pairs of a colour class and a length; `total` has the whisker and the number beside the bar."""

    name: str
    parts: Sequence[tuple[str, float]]
    total: Spread


def bars(rows: Sequence[Bar], *, label: str) -> Markup:
    """The chart; `label` says what is drawn to those who do not see it."""
    scale = ticks(max(row.total.most for row in rows))
    height = _TOP + _ROW * len(rows) + _BOTTOM
    drawn = [_axis(scale, height), *(_bar(row, number, scale[-1]) for number, row in enumerate(rows))]
    words = "; ".join(f"{row.name} {row.total.median:,.0f}" for row in rows)
    return Markup(  # noqa: S704 - made here of numbers and of escaped names
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}: {escape(words)}">'
        f"{''.join(drawn)}</svg>"
    )


def ticks(most: float) -> list[float]:
    """Round numbers from 0 to at least `most`, a handful."""
    rough = max(most, 1e-9) / _TICKS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    return [step * number for number in range(max(1, math.ceil(most / step)) + 1)]


def _axis(scale: Sequence[float], height: int) -> str:
    lines = []
    for value in scale:
        x = _x(value, scale[-1])
        lines.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{height - _BOTTOM}"/>')
        lines.append(f'<text class="tick" x="{x}" y="{height - 8}" text-anchor="middle">{value:,.10g}</text>')
    return "".join(lines)


def _bar(row: Bar, number: int, most: float) -> str:
    top = _TOP + _ROW * number + (_ROW - _BAR) / 2
    middle = top + _BAR / 2
    shapes = [f'<text class="name" x="{_LEFT - 10}" y="{middle + 4}" text-anchor="end">{escape(row.name)}</text>']
    begin = 0.0
    for colour, length in row.parts:
        x, end = _x(begin, most), _x(begin + length, most)
        shapes.append(f'<rect class="{colour}" x="{x}" y="{top}" width="{round(end - x, 1)}" height="{_BAR}"/>')
        begin += length
    shapes.append(_whisker(row.total, middle, most))
    beside = _x(max(begin, row.total.most), most) + 8
    shapes.append(f'<text class="value" x="{beside}" y="{middle + 4}">{row.total.median:,.0f}</text>')
    return "".join(shapes)


def _whisker(total: Spread, middle: float, most: float) -> str:
    least, end = _x(total.least, most), _x(total.most, most)
    caps = "".join(f"M{x} {middle - 5}V{middle + 5}" for x in (least, end))
    return f'<path class="whisker" d="M{least} {middle}H{end}{caps}"/>'


def _x(value: float, most: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / most, 1)
