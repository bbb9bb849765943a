"""Every panel asks for what is there, says what it shows, and is drawn from a real Prometheus's answer."""

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from monitoring.asking import Window, answer, panels
from tests.known_metrics import unknown_in
from tests.made_history import sound
from tests.stack import eventually

ROOT = Path(__file__).resolve().parents[2]
BOARDS = sorted((ROOT / "monitoring" / "dashboards").glob("*.json"))
HISTORY_SECONDS = 2_400
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Prometheus is not installed"
)
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)


def tool(name: str) -> ModuleType:
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(board: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(board.read_text(encoding="utf-8"))
    return found


def test_the_dashboards_are_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` has nothing to write."""
    assert (tool("generate_dashboards").main(["--check"]), capsys.readouterr().err) == (0, "")


@each_board
def test_a_board_has_what_every_board_has(board: Path) -> None:
    """Variables, annotations, links; each panel says what it shows; runbooks that it links to are there."""
    found = read(board)
    assert [variable["name"] for variable in found["templating"]["list"]] == ["datasource", "instance"]
    assert {one["name"] for one in found["annotations"]["list"]} == {"Deployments", "Alerts", "Rush"}
    assert {link["title"] for link in found["links"]} == {"Dashboards", "Runbooks"}
    for panel in panels(found):
        assert len(panel["description"]) > 10, panel["title"]
        for link in panel.get("links", ()):
            name = re.fullmatch(r".*/runbooks/(\w+)\.md", link["url"])
            assert name is not None
            assert (ROOT / "docs" / "runbooks" / f"{name[1]}.md").exists()


@each_board
def test_no_panel_asks_for_a_metric_or_label_that_nobody_shows(board: Path) -> None:
    """A typing slip in a panel is an empty panel in the night when it is needed."""
    queries = [target["expr"] for panel in panels(read(board)) for target in panel["targets"]]
    queries += [one["expr"] for one in read(board)["annotations"]["list"]]
    assert [wrong for query in queries for wrong in unknown_in(query)] == []


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Window]]:
    """A real Prometheus with a made-up history, and the time that it is of."""
    folder = tmp_path_factory.mktemp("prometheus")
    began_at = time.time() // 7_200 * 7_200 - 2 * 7_200  # whole blocks, in the past
    history = sound(step=15, seconds=HISTORY_SECONDS, rate=lambda t: 3 + t / 300)
    history.gauge("gelombang_proven_at_seconds", began_at - 86_400, job="gelombang", instance="ingest-1")
    (folder / "history.txt").write_text(history.openmetrics(began_at))
    making = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(folder / "history.txt"),
        str(folder / "data"),
    ]
    subprocess.run(making, check=True, capture_output=True)  # noqa: S603 - our own file
    (folder / "prometheus.yml").write_text("{}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)  # noqa: S603 - our own files
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: ready(url))
        yield url, Window(start=began_at + 600, end=began_at + HISTORY_SECONDS, step=60, rate="2m")
    finally:
        process.terminate()
        process.wait(20)


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answered:  # noqa: S310 - loopback
            return bool(answered.status == 200)
    except OSError:
        return False


@needs_prometheus
@each_board
def test_every_panel_has_data_and_is_drawn(board: Path, prometheus: tuple[str, Window]) -> None:
    """Each line of each panel comes back from a real Prometheus with numbers, and the drawing shows no empty panel."""
    url, window = prometheus
    found = read(board)
    answers = {}
    for panel in panels(found):
        for target in panel["targets"]:
            assert answer(url, {"targets": [target]}, window), f"{panel['title']}: {target['expr']}"
        answers[panel["id"]] = answer(url, panel, window)
    page = tool("draw_dashboards").draw_board(found, answers, window)
    assert page.count("<section") == len(list(panels(found)))
    assert "no data" not in page
    assert "nan" not in page
