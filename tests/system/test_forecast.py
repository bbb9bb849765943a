"""`gelombang forecast` as a person uses it, and its simulation beside the real system."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DEADLINE_SECONDS = 180
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}


def forecast(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the subcommand to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "forecast", "--output", str(output), *options],
        env={**ENVIRONMENT, "XDG_STATE_HOME": str(output / "state")},
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def test_a_wave_is_forecast_without_a_system(tmp_path: Path) -> None:
    """Both registries of the story beside each other, as lines, JSON and a page; a wrong name is one plain line."""
    done = forecast(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "43.8% have a verdict" in done.stdout
    assert {path.suffix for path in tmp_path.glob("forecast-*")} == {".json", ".html"}
    wrong = forecast(tmp_path, "--profile", "tsunami")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (3, 1)


def test_the_real_system_drains_when_the_forecast_says(tmp_path: Path) -> None:
    """A spike of a few hundred people at a slow registry: the last verdict comes within a tenth of the forecast."""
    # 300 s of spike in 6 s, everybody comes: about 0.25 × 6 s × 320/s. The registry does 16/s here.
    options = ("--replay", "--profile", "spike", "--peak", "6.4", "--minutes", "0.1", "--one-in", "1")
    done = forecast(tmp_path, *options, "--ministry-rate", "0.32", "--confirm-share", "0.2")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("replay-*.json")
    found = json.loads(path.read_text())
    assert found["seen"]["errors"] == {}
    assert found["seen"]["drained_at_seconds"] == pytest.approx(found["forecast_drained_at_seconds"], rel=0.1)
