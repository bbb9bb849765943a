"""A small wave, rehearsed from registration to announcement, and a small rush at its closing second."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stack import ENVIRONMENT


def rehearsed(tmp_path: Path, *options: str) -> Any:  # noqa: ANN401 - a report
    """The report of a rehearsal in which every claim has to hold, and which leaves nothing behind."""
    files = ["--json", str(tmp_path / "report.json"), "--data", str(tmp_path / "data")]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "rehearse", *options, *files],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert all(claim["holds"] for claim in report["claims"])
    assert list((tmp_path / "data").iterdir()) == [], "nothing is left behind"
    return report["numbers"]


def test_a_rehearsed_wave_keeps_every_promise(tmp_path: Path) -> None:
    """With processes killed on the way: the quota exact, the list recomputed, everybody told, the ledger balanced."""
    numbers = rehearsed(tmp_path, "way", "--count", "15", "--kill-every", "3", "--seed", "7", "--close-early")
    assert numbers["joined"] == numbers["verified throughout"] - numbers["stayed away until too late"] > 3
    assert numbers["selected"] == 3


def test_a_rush_at_the_closing_second_is_exact(tmp_path: Path) -> None:
    """Some come in time and some too late, some twice, some were selected before: each is told what is so."""
    numbers = rehearsed(tmp_path, "rush", "--count", "1200", "--seed", "7")
    assert numbers["people who joined"] > 500
    assert numbers["people told that they were selected before"] > 0
    assert numbers["people who came too late"] > 0
