"""`gelombang bench` as a person uses it: command line, files and exit codes only. Nothing here judges speed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEADLINE_SECONDS = 180
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}
GENERATORS = [
    pytest.param((), marks=pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed"), id="wrk"),
    pytest.param(("--own-generator",), id="own generator"),
]


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the subcommand to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "bench", *options],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_was_accepted_is_stored(tmp_path: Path, generator: tuple[str, ...]) -> None:
    """Row for row, with both reports written and nothing else left behind."""
    short = ("--rounds", "1", "--seconds", "1", "--connections", "32", "--only", "gelombang")
    done = bench(*short, "--output", str(tmp_path), *generator)
    assert done.returncode == 0, done.stdout + done.stderr
    html, document = sorted(tmp_path.iterdir())
    assert (html.suffix, document.suffix) == (".html", ".json")
    (measurement,) = json.loads(document.read_text())["measurements"]
    assert measurement["load"]["accepted"] == measurement["stored"]["rows"] > 0
    assert set(measurement["cpu_us"]) == {"app", "postgresql", "valkey"}

    checked = bench("--check", str(document))
    assert checked.returncode == 2, checked.stdout + checked.stderr
    assert "unknown  rate ≥ 0.6 × handler: not measured" in checked.stdout


def test_a_short_run_on_enumeration_is_complete(tmp_path: Path) -> None:
    """Every answer is 202, and both questions have a figure; whether 100 pairs are below the bound is chance."""
    done = bench("--enumeration", "--pairs", "100", "--output", str(tmp_path))
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    (document,) = tmp_path.iterdir()
    found = json.loads(document.read_text())
    assert (found["pairs"], found["refused"], found["exit_code"]) == (100, 0, done.returncode)
    assert [one["known"] for one in found["comparisons"]] == ["nik", "email"]


def test_a_short_overload_keeps_its_books(tmp_path: Path) -> None:
    """What was accepted is stored, and every refusal says when to come back; how fast is not judged here."""
    done = bench("--overload", "--rounds", "1", "--seconds", "2", "--output", str(tmp_path))
    (document,) = tmp_path.iterdir()
    found = json.loads(document.read_text())
    (only,) = found["rounds"]
    assert only["rows"] == only["capacity"]["accepted"] + only["overload"]["accepted"] > 0, done.stdout
    assert only["overload"]["refused"] > 0, done.stdout
    assert found["without_retry_after"] == 0


def test_what_is_missing_is_said_in_one_plain_line(tmp_path: Path) -> None:
    """A contender that there is not, and a file that is no report."""
    for options in (("--only", "nobody", "--output", str(tmp_path)), ("--check", str(tmp_path / "nothing.json"))):
        done = bench(*options)
        assert done.returncode == 3, done.stdout + done.stderr
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
