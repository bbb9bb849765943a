"""Writes monitoring/dashboards/*.json (python tools/generate_dashboards.py [--check]) with Grafana's own types.

Made of monitoring/boards/. With `--check` nothing is written; exit code 1 if something would be.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import StackingConfig
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
)

from monitoring.alerting.rulebook import RUNBOOKS
from monitoring.boards import BOARDS
from monitoring.panels import Board, Panel

DASHBOARDS = Path(__file__).resolve().parent.parent / "monitoring" / "dashboards"
_SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
_HEIGHTS = {"number": 4}
_HEIGHT = 8
_WIDE = 24


def files() -> Mapping[Path, str]:
    """Each generated file and its text."""
    return {DASHBOARDS / f"{board.uid}.json": _text(board) for board in BOARDS}


def _text(board: Board) -> str:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags(["gelombang"])
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("instance")
            .label("Process")
            .datasource(_SOURCE)
            .query("label_values(gelombang_ready, instance)")
            .multi(True)  # noqa: FBT003 - the library's
            .include_all(True)  # noqa: FBT003 - the library's
            .all_value(".*")
        )
        .link(
            dashboard.DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags(["gelombang"]).keep_time(True)  # noqa: FBT003 - the library's
        )
        .link(dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(f"{RUNBOOKS}/README.md"))
        .annotation(_annotation("Deployments", "changes(sum by (version) (gelombang_build_info)[2m:]) > 0", "blue"))
        .annotation(_annotation("Alerts", 'ALERTS{alertstate="firing",severity="page"}', "red"))
        .annotation(
            _annotation(
                "Rush", "sum(rate(gelombang_registrations_total[1m])) > 0.5 * max(gelombang_proven_rate > 0)", "purple"
            )
        )
    )
    x = y = row = 0
    for number, panel in enumerate(board.panels, 1):
        height = _HEIGHTS.get(panel.kind, _HEIGHT)
        if x + panel.width > _WIDE:
            x, y = 0, y + row
            row = 0
        made.with_panel(_panel(panel, number).grid_pos(GridPos(h=height, w=panel.width, x=x, y=y)))
        x, row = x + panel.width, max(row, height)
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _annotation(name: str, query: str, colour: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery().name(name).datasource(_SOURCE).expr(query).icon_color(colour).enable(True)  # noqa: FBT003 - the library's
    )


def _panel(panel: Panel, number: int) -> timeseries.Panel | stat.Panel | bargauge.Panel:
    made: timeseries.Panel | stat.Panel | bargauge.Panel
    match panel.kind:
        case "number":
            made = stat.Panel()
        case "bars":
            made = bargauge.Panel()
        case "stack":
            made = timeseries.Panel().stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
        case _:
            made = timeseries.Panel().fill_opacity(8)
    made = made.id(number).title(panel.title).description(panel.says).datasource(_SOURCE).unit(panel.unit)
    for letter, line in zip("ABCDEF", panel.lines, strict=False):
        made.with_target(prometheus.Dataquery().expr(line.query).legend_format(line.name).ref_id(letter))
    if panel.limit is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=float(panel.limit), color="red")]
        made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.runbook is not None:
        link = dashboard.DashboardLink(f"Runbook {panel.runbook}").type(DashboardLinkType.LINK)
        made.links([link.url(f"{RUNBOOKS}/{panel.runbook}.md")])
    return made


def main(arguments: Sequence[str]) -> int:
    """Write what differs; with `--check` only name it."""
    stale = [(path, text) for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        if "--check" in arguments:
            print(f"{path.name} is not what monitoring/boards/ says: run `make docs`", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
