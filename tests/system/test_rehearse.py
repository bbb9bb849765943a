"""A small wave, rehearsed from registration to announcement."""

import json
import subprocess
import sys
from pathlib import Path

from tests.stack import ENVIRONMENT


def test_a_rehearsed_wave_keeps_every_promise(tmp_path: Path) -> None:
    """With processes killed on the way: the quota exact, the list recomputed, everybody told, the ledger balanced."""
    options = ["--count", "15", "--kill-every", "3", "--seed", "7", "--wave-seconds", "900", "--close-early"]
    options += ["--json", str(tmp_path / "report.json"), "--data", str(tmp_path / "data")]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "rehearse", *options],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert all(claim["holds"] for claim in report["claims"])
    assert report["numbers"]["joined"] == report["numbers"]["verified throughout"] > 3
    assert report["numbers"]["selected"] == 3
    assert list((tmp_path / "data").iterdir()) == [], "nothing is left behind"
