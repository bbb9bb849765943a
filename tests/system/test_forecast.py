"""`gelombang forecast` as a person uses it, and its simulation beside the real system."""

import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_a_wave_is_replayed_on_the_real_system(tmp_path: Path) -> None:
    """Everybody who came has a verdict in the end, not earlier than the stand-in registry can have given them.

    How near that is to the forecast is for a quiet machine to say: exit code 0 or 1 tells it, and both are right here.
    """
    # 300 s of spike in 6 s: 420 people at a top of 250/s. The registry does 60/s here.
    options = ("--replay", "--profile", "spike", "--peak", "5", "--minutes", "0.1", "--one-in", "1")
    done = forecast(tmp_path, *options, "--ministry-rate", "1.2", "--confirm-share", "0.2", "--confirm-minutes", "1")
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    (path,) = tmp_path.glob("replay-*.json")
    found = json.loads(path.read_text())
    seen = found["seen"]
    assert seen["errors"] == {}
    assert seen["moments"][-1]["registered"] == seen["moments"][-1]["decided"] > 300
    # The queue counts as gone when a second of the registry's work waits; its 16 servers have a call each in hand.
    assert seen["drained_at_seconds"] >= (seen["moments"][-1]["decided"] - 60 - 16) / 60
    assert done.returncode == (0 if abs(found["drain_ratio"] - 1) <= 0.1 else 1)
    assert seen["moments"][-1]["confirmed"] > 0
