"""Every process killed, frozen and stopped once on one running system, seeded, and the ledger of what that broke.

The short run of `gelombang chaos`. Network faults and outages, and what hangs on the speed of the machine (recovery,
redelivery, memory), are judged by the long one (`make chaos`); poison is in tests/integration/test_workers.py.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest.chaos.kills import KILLS
from tests.stack import ENVIRONMENT

SEED = 20201104
DEADLINE_SECONDS = 600
NUMBERS = ("--acked=150", "--kills=4", "--rate=10", "--walk-every=20", "--backlog=200", "--outage-seconds=3")
JUDGED = ("I1", "I3", "I4", "I16", "I17")
STRUCK = tuple(KILLS)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one run said."""
    folder = tmp_path_factory.mktemp("chaos")
    path = folder / "report.json"
    options = [
        f"--seed={SEED}",
        *NUMBERS,
        *(f"--fault={name}" for name in STRUCK),
        f"--json={path}",
        f"--data={folder}",
    ]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "chaos", *options],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode in {0, 1}, done.stdout[-2000:] + done.stderr[-2000:]
    assert list(folder.glob("data-*")) == [], "the data directory is removed"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_fault_struck(report: dict[str, Any]) -> None:
    """A fault that was not tried says nothing."""
    assert set(report["strikes"]) == set(STRUCK)
    assert report["acked"] >= 150
    assert report["kills"] >= 4
    assert report["seed"] == SEED


@pytest.mark.parametrize("invariant", JUDGED)
def test_the_invariant_held(report: dict[str, Any], invariant: str) -> None:
    """Nothing of it is broken, and something of it was judged."""
    found = [finding for finding in report["findings"] if finding["invariant"] == invariant]
    assert [finding for finding in found if finding["holds"] is False] == []
    assert [finding for finding in found if finding["holds"]]


def test_the_ministry_never_had_more_calls_than_agreed(report: dict[str, Any]) -> None:
    """By its own count, in any second and at once, whatever was killed or wiped meanwhile."""
    peaks = [finding for finding in report["findings"] if "that the ministry counted" in finding["what"]]
    assert len(peaks) == 2
    assert [finding for finding in peaks if not finding["holds"]] == []


def test_a_run_that_is_ended_in_a_drill_ends_with_all_that_it_started(tmp_path: Path) -> None:
    """It does not wait for the drill, here ten minutes, and leaves neither processes nor data."""
    options = ["--fault=outage", "--outage-seconds=600", "--rate=5", "--workers=1", f"--data={tmp_path}"]
    with (tmp_path / "output").open("w+") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-u", "-m", "gelombang", "chaos", *options],
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: "now: outage" in (tmp_path / "output").read_text(), process)
            pids = json.loads(next(tmp_path.glob("data-*/stack/endpoints.json")).read_text())["pids"].values()
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_SECONDS / 10) == 2
        finally:
            process.kill()
            process.wait()
    assert "interrupted: this run proves nothing" in (tmp_path / "output").read_text()
    assert list(tmp_path.glob("data-*")) == []
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def wait_for(is_there: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Until something is there, for as long as the process lives."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_there():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_unknown_fault_is_refused() -> None:
    """A mistyped name must not pass as a run without faults."""
    done = subprocess.run(
        [sys.executable, "-m", "gelombang", "chaos", "--fault=earthquake"],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 3
    assert "--list" in done.stderr
