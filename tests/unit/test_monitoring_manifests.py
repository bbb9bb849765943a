"""What watches the system in a cluster is made of monitoring/, and is current."""

import json
from pathlib import Path

import pytest
import yaml

from tools import manifests, monitoring_manifests

GROUPS = {"groups": [{"name": "door", "rules": [{"alert": "DoorClosed", "expr": "gelombang_ready == 0", "for": "1m"}]}]}


@pytest.fixture
def monitoring(tmp_path: Path) -> Path:
    """A folder with rules, a test of rules, and a dashboard, and what is made of them."""
    for name in ("rules", "dashboards"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules" / "front_door.yaml").write_text(yaml.safe_dump(GROUPS), encoding="utf-8")
    (tmp_path / "rules" / "front_door_test.yaml").write_text("rule_files: [front_door.yaml]\n", encoding="utf-8")
    (tmp_path / "dashboards" / "front_door.json").write_text(json.dumps({"title": "Front door"}), encoding="utf-8")
    for name, text in monitoring_manifests.files(tmp_path).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_rules_and_dashboards_reach_the_cluster(monitoring: Path) -> None:
    """A PrometheusRule for a file of rules, none for its test, and a ConfigMap for a dashboard; all fit."""
    resources = {manifests.name(item): item for item in manifests.render(monitoring)}
    assert resources.keys() == {"PrometheusRule/gelombang-front-door", "ConfigMap/dashboard-front-door"}
    assert resources["PrometheusRule/gelombang-front-door"]["spec"] == GROUPS
    assert json.loads(resources["ConfigMap/dashboard-front-door"]["data"]["front_door.json"]) == {"title": "Front door"}
    assert [problem for item in resources.values() for problem in manifests.problems(item)] == []


def test_a_typo_in_a_rule_is_caught(monitoring: Path) -> None:
    """The schema of PrometheusRule is as strict as the others."""
    (rule,) = [item for item in manifests.render(monitoring) if item["kind"] == "PrometheusRule"]
    text = yaml.safe_dump(rule)
    for word in ("alert", "expr", "for", "rules", "groups"):
        assert list(manifests.problems(yaml.safe_load(text.replace(f"{word}:", f"{word}x:", 1)))) != []


def test_nothing_to_watch_yet_still_renders(tmp_path: Path) -> None:
    """Without rules and dashboards there is a kustomization all the same, which the component can name."""
    folder = tmp_path / "monitoring"
    folder.mkdir()
    made = monitoring_manifests.files(folder)
    (folder / "kustomization.yaml").write_text(made["kustomization.yaml"], encoding="utf-8")
    assert list(made) == ["kustomization.yaml"]
    assert list(manifests.render(folder)) == []


def test_what_is_committed_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` has nothing to write."""
    assert (monitoring_manifests.main(["--check"]), capsys.readouterr().err) == (0, "")
