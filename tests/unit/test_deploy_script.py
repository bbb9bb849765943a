"""`k8s/deploy.sh` does its steps in order, and stops at the first that fails."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.rendered import OVERLAYS, each_overlay
from tools import manifests

STEPS = {"ground", "before", "run", "after", "load"}
# Stands for kubectl: writes down what it was told, fails where it is told to, and leaves rendering to the real one.
STAND_IN = """#!/bin/sh
echo "$@" >>"$TOLD"
case "$*" in
*"$FAIL_AT"*) [ -z "$FAIL_AT" ] || exit 1 ;;
esac
case $1 in
kustomize) exec "$REAL" "$@" ;;
get) printf 'deployment.apps/door\\nstatefulset.apps/worker-nik\\n' ;;
esac
"""


def deploy(folder: Path, *arguments: str, fail_at: str = "") -> tuple[int, list[str]]:
    stand_in = folder / "kubectl"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    told = folder / "told"
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "TOLD": str(told),
        "REAL": str(manifests.kubectl()),
        "FAIL_AT": fail_at,
    }
    script = manifests.MANIFESTS / "deploy.sh"
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", str(script), *arguments], env=environment, capture_output=True, check=False
    )
    lines = told.read_text("utf-8").splitlines() if told.exists() else []
    return done.returncode, [line for line in lines if not line.startswith("kustomize")]


def brief(line: str) -> str:
    """The verb and what it is about, without options."""
    words = line.split()
    steps = [word.partition("=")[2] for word in words if word.startswith("gelombang.example/step=")]
    return " ".join([words[0], *(steps or [words[-1] if words[0] != "delete" else words[2]])])


def test_a_deployment_goes_step_by_step(tmp_path: Path) -> None:
    """Stores, then the migrations that add, then what runs; the last migrations are not among them."""
    code, told = deploy(tmp_path, "deploy", "production")
    assert code == 0
    assert [brief(line) for line in told] == [
        "apply ground",
        "wait --all",
        "rollout statefulset/valkey",
        "delete migrate-before",
        "apply before",
        "wait job/migrate-before",
        "apply run",
        "get run",
        "rollout deployment.apps/door",
        "rollout statefulset.apps/worker-nik",
    ]
    assert all("--namespace gelombang " in line for line in told if not line.startswith("apply"))


@pytest.mark.parametrize("step", ["wait", "job/migrate-before", "step=before"])
def test_nothing_rolls_out_after_a_step_that_failed(tmp_path: Path, step: str) -> None:
    """When the stores or the migrations are not ready, the pods that run stay."""
    code, told = deploy(tmp_path, "deploy", "production", fail_at=step)
    assert code != 0
    assert "apply run" not in [brief(line) for line in told]


def test_finishing_and_going_back(tmp_path: Path) -> None:
    """`finish` runs the migrations that remove, `back` none at all."""
    finished = [brief(line) for line in deploy(tmp_path, "finish", "staging")[1]]
    assert finished == ["delete migrate-after", "apply after", "wait job/migrate-after"]
    (tmp_path / "told").unlink()
    returned = [brief(line) for line in deploy(tmp_path, "back", "staging")[1]]
    assert returned[0] == "apply run"
    assert not any("migrate" in line for line in returned)


def test_a_load_test_starts_from_the_beginning(tmp_path: Path) -> None:
    """A Job runs once: the one that ran is removed."""
    told = [brief(line) for line in deploy(tmp_path, "load", "proof")[1]]
    assert told == ["delete loadtest-master", "apply load"]


@pytest.mark.parametrize("arguments", [(), ("deploy",), ("deploy", "nowhere"), ("remove", "production")])
def test_a_wrong_command_line_touches_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It says how it is used, with exit code 3."""
    assert deploy(tmp_path, *arguments) == (3, [])


@each_overlay
def test_every_resource_belongs_to_one_step(overlay: Path) -> None:
    """What no step applies would never reach the cluster."""
    steps = {
        manifests.name(resource): resource["metadata"].get("labels", {}).get("gelombang.example/step")
        for resource in manifests.render(overlay)
    }
    assert {name: step for name, step in steps.items() if step not in STEPS} == {}


def test_there_are_overlays() -> None:
    """The tests above did read something."""
    assert {overlay.name for overlay in OVERLAYS} >= {"dev", "staging", "production"}
