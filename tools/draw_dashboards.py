"""Draws every dashboard from a real Prometheus's answers (python tools/draw_dashboards.py URL FOLDER [SECONDS]).

A picture for each board, PNG by Chromium, of the last SECONDS (900). Panels without data are named, and the exit code
is 1 then; with `--check` in place of FOLDER nothing is drawn.
"""

import html
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitoring.asking import Series, Window, answer, panels

DASHBOARDS = Path(__file__).resolve().parent.parent / "monitoring" / "dashboards"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
COLOURS = ("#2f6fb2", "#d9822b", "#3c9d5d", "#c23b3b", "#8559a5", "#7a6652", "#d472a8", "#6b7785", "#a8a32b", "#2ba8a3")
WIDTH, CELL, ROW = 1_440, 60, 38
LEFT, TOP, BOTTOM = 58, 8, 22
NAMES = 96  # width of a bar's name
STYLE = f"""
body {{ margin: 0; padding: 16px; width: {WIDTH}px; background: #eef0f3; color: #23303d; font: 13px sans-serif }}
h1 {{ font-size: 20px; margin: 0 }} p {{ margin: 2px 0 12px; color: #5b6977 }}
main {{ position: relative }}
section {{ position: absolute; background: #fff; border: 1px solid #d8dde3; border-radius: 4px; box-sizing: border-box;
  padding: 8px 10px; overflow: hidden }}
h2 {{ font-size: 13px; margin: 0 0 4px }} svg {{ display: block }} text {{ font: 11px sans-serif; fill: #5b6977 }}
.number {{ font-size: 34px; font-weight: 600; text-align: center; margin-top: 18px }} .bad {{ color: #c23b3b }}
.good {{ color: #2c7d48 }}
.legend {{ font-size: 11px; color: #44505c; line-height: 15px; max-height: 45px; overflow: hidden }}
.legend b {{ font-weight: 400; margin-right: 10px; white-space: nowrap }}
.legend i {{ display: inline-block; width: 10px; height: 3px; margin-right: 4px; vertical-align: middle }}
.none {{ color: #c23b3b; text-align: center; margin-top: 40px }}
"""


def number(value: float, unit: str) -> str:
    """A value as a person reads it."""
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return _seconds(value)
    suffix = {"reqps": "/s", "ops": "/s", "bytes": "B"}.get(unit, "")
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}{suffix}"
    return f"{value:.3g}{' ' if suffix == 'B' else ''}{suffix}"


def _seconds(value: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(value) >= 2 * size:
            return f"{value / size:.3g} {name}"
    return f"{value * 1_000:.3g} ms" if value and abs(value) < 1 else f"{value:.3g} s"


def draw_board(board: Mapping[str, Any], answers: Mapping[int, Sequence[Series]], window: Window) -> str:
    """A page with every panel where Grafana would put it."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels(board))
    drawn = "".join(_panel(panel, answers[panel["id"]], window) for panel in panels(board))
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1>{html.escape(board['title'])}</h1>"
        f"<p>{html.escape(board['description'])}</p><main style='height:{bottom * ROW}px'>{drawn}</main>"
    )


def _panel(panel: Mapping[str, Any], found: Sequence[Series], window: Window) -> str:
    place = panel["gridPos"]
    width, height = place["w"] * CELL, place["h"] * ROW
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults.get("unit", "short")
    steps = defaults.get("thresholds", {}).get("steps", [])
    limit = steps[-1]["value"] if steps else None
    if not found:
        inside = "<div class=none>no data</div>"
    elif panel["type"] == "stat":
        inside = _number(found[0], unit, limit)
    elif panel["type"] == "bargauge":
        inside = _bars(found, unit, (width - 22, height - 44))
    else:
        stacked = panel["fieldConfig"]["defaults"]["custom"].get("stacking", {}).get("mode") == "normal"
        lines = _stacked(found) if stacked else found
        inside = _lines(lines, unit, (width - 22, height - 84), window, limit=limit) + _legend(found, unit)
    corner = f"left:{place['x'] * CELL}px;top:{place['y'] * ROW}px"
    return (
        f"<section style='{corner};width:{width - 6}px;height:{height - 6}px'>"
        f"<h2>{html.escape(panel['title'])}</h2>{inside}</section>"
    )


def _last(series: Series) -> float:
    return next((value for _, value in reversed(series.points) if math.isfinite(value)), math.nan)


def _number(series: Series, unit: str, limit: float | None) -> str:
    value = _last(series)
    word = "" if limit is None else "bad" if value >= limit else "good"
    return f"<div class='number {word}'>{number(value, unit)}</div>"


def _bars(found: Sequence[Series], unit: str, size: tuple[int, int]) -> str:
    """A line for each, its name on the left, all of them within the panel."""
    width, height = size
    order = sorted(found, key=_last, reverse=True)
    most = max(_last(order[0]), 1)
    pitch = min(34, height / len(order))
    rows = []
    for index, series in enumerate(order):
        y, value = index * pitch, _last(series)
        long = max(1, (width - NAMES - 60) * value / most)
        rows.append(
            f"<text x=0 y={y + 11:.0f}>{html.escape(series.name)}</text>"
            f"<rect x={NAMES} y={y + 1:.0f} width={long:.0f} height=12 fill='{COLOURS[0]}'/>"
            f"<text x={NAMES + long + 6:.0f} y={y + 11:.0f}>{number(value, unit)}</text>"
        )
    return f"<svg width={width} height={height}>{''.join(rows)}</svg>"


def _stacked(found: Sequence[Series]) -> Sequence[Series]:
    """Each line on top of those before it."""
    sums: dict[float, float] = {}
    made = []
    for series in found:
        for at, value in series.points:
            sums[at] = sums.get(at, 0) + (value if math.isfinite(value) else 0)
        made.append(Series(series.name, [(at, sums[at]) for at, _ in series.points]))
    return made


def _lines(found: Sequence[Series], unit: str, size: tuple[int, int], window: Window, *, limit: float | None) -> str:
    width, height = size
    values = [value for series in found for _, value in series.points if math.isfinite(value)]
    highest = max([*values, 0])
    top = _nice(highest, minutes=unit == "s" and highest >= 120) if highest or limit is None else _nice(2 * limit)  # noqa: PLR2004 - seconds
    if limit is not None and limit <= 3 * top:
        top = max(top, _nice(limit))
    inner = height - TOP - BOTTOM

    def x(at: float) -> float:
        return LEFT + (width - LEFT - 4) * (at - window.start) / (window.end - window.start)

    def y(value: float) -> float:
        return TOP + inner * (1 - value / top)

    parts = []
    for quarter in range(5):
        value = top * quarter / 4
        parts.append(
            f"<line x1={LEFT} x2={width - 4} y1={y(value):.1f} y2={y(value):.1f} stroke='#e6e9ed'/>"
            f"<text x={LEFT - 6} y={y(value) + 4:.1f} text-anchor=end>{number(value, unit)}</text>"
        )
    for share in (0, 1, 2, 3, 4):
        at = window.start + (window.end - window.start) * share / 4
        anchor = "start" if share == 0 else "end" if share == 4 else "middle"  # noqa: PLR2004 - the last
        clock = time.strftime("%H:%M", time.gmtime(at))
        parts.append(f"<text x={x(at):.1f} y={height - 5} text-anchor={anchor}>{clock}</text>")
    if limit is not None and limit <= top:
        level = f"{y(limit):.1f}"
        dashes = "stroke='#c23b3b' stroke-dasharray='5 4'"
        parts.append(f"<line x1={LEFT} x2={width - 4} y1={level} y2={level} {dashes}/>")
    for index, series in enumerate(found):
        for run in _runs(series):
            points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in run)
            parts.append(
                f"<polyline points='{points}' fill=none stroke='{COLOURS[index % len(COLOURS)]}' stroke-width=1.6 />"
            )
    return f"<svg width={width} height={height}>{''.join(parts)}</svg>"


def _runs(series: Series) -> Sequence[Sequence[tuple[float, float]]]:
    """The line in pieces: nothing is drawn where nothing is known."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in series.points:
        if math.isfinite(value):
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _legend(found: Sequence[Series], unit: str) -> str:
    words = "".join(
        f"<b><i style='background:{COLOURS[index % len(COLOURS)]}'></i>{html.escape(series.name)}"
        f" {number(_last(series), unit)}</b>"
        for index, series in enumerate(found)
    )
    return f"<div class=legend>{words}</div>"


def _nice(value: float, *, minutes: bool = False) -> float:
    """A round number that is not smaller; whole minutes at each quarter where that is asked for."""
    if minutes:
        return math.ceil(value / 240) * 240.0
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)


def main(arguments: Sequence[str]) -> int:
    """Ask, and draw; give the exit code."""
    url, folder = arguments[0].rstrip("/"), arguments[1]
    seconds = float(arguments[2]) if len(arguments) > 2 else 900.0  # noqa: PLR2004 - the third, if any
    end = time.time()
    window = Window(start=end - seconds, end=end, step=max(5.0, seconds / 240))
    empty = 0
    pages = {}
    for file in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        answers = {panel["id"]: answer(url, panel, window) for panel in panels(board)}
        for panel in panels(board):
            if not answers[panel["id"]]:
                empty += 1
                print(f"no data: {board['title']} / {panel['title']}")
        pages[file.stem] = draw_board(board, answers, window)
    if folder != "--check":
        _photograph(pages, Path(folder))
    print(f"{len(pages)} dashboards, {empty} panels without data")
    return int(empty > 0)


def _photograph(pages: Mapping[str, str], folder: Path) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not for --check

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH + 32, "height": 400})
        for name, content in pages.items():
            page.set_content(content)
            page.screenshot(path=str(folder / f"dashboard-{name}.png"), full_page=True)
            print(f"wrote {folder / f'dashboard-{name}.png'}")
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
