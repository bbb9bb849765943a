"""`gelombang prove` as a person uses it: command line, files and exit codes. Nothing here judges speed."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.hollow_door import running as hollow_door
from tests.stack import Stack

DEADLINE_SECONDS = 180
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}
# Tests share the machine: neither latency nor the generator's lag must decide.
PLAN = """
name = "small"
[target]
rate = 60
seconds = 2
spacing = "constant"
[target.mix]
register = 90
mistype = 10
[slo]
p99_ms = 60000
[environment]
lag_limit_seconds = 60
settle_seconds = 30
"""


def prove(*options: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the subcommand to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "prove", *options],
        env={**ENVIRONMENT, **(environment or {})},
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan that takes a few seconds."""
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_a_running_system_is_proven_and_the_record_can_be_checked(stack: Stack, plan: Path, tmp_path: Path) -> None:
    """All that was acknowledged is looked up; the record is good for this plan alone, and not once it is changed."""
    where = ("--data-dir", str(stack.directory))
    done = prove(str(plan), *where, "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GO" in done.stdout
    (path,) = (tmp_path / "out").glob("*.json")
    books = json.loads(path.read_text())["payload"]["evidence"]["books"]
    assert books["looked_up"]
    assert books["acked"] == books["stored"] > 100
    assert (books["lost"], books["unknown"]) == (0, 0)
    assert {found.suffix for found in path.parent.iterdir() if found.is_file()} == {".json", ".html", ".xml"}

    checked = prove(str(plan), *where, "--check", str(path))
    with_changes = "in no commit" in checked.stdout  # a working copy that somebody is writing in
    assert checked.returncode == (2 if with_changes else 0), checked.stdout
    plan.write_text(PLAN.replace("60000", "61000"))
    other = prove(str(plan), *where, "--check", str(path))
    assert (other.returncode, "another plan" in other.stdout) == (2, True)
    path.write_text(path.read_text().replace('"lost":0', '"lost":1'))
    changed = prove(str(plan), *where, "--check", str(path))
    assert (changed.returncode, "signature" in changed.stdout) == (2, True)


def test_photos_are_sent_over_a_bad_line_and_judged(stack: Stack, plan: Path, tmp_path: Path) -> None:
    """In a plan's mix: each photo goes on where its line broke, is kept whole, and is accepted by the worker."""
    wanted = PLAN.replace("rate = 60", 'rate = 2\nuser_class = "Applicants"')
    plan.write_text(wanted.replace("register = 90\nmistype = 10", "upload = 1"))
    done = prove(str(plan), "--data-dir", str(stack.directory), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "out").glob("*-histograms/*.json")
    answers = Counter[str]()
    for second in json.loads(path.read_text())["report"]["seconds"].values():
        answers.update(second["answers"])
    assert answers["photo verdict: ok"] == answers["POST registration: ok"] > 0
    # Six parts and a bit of a picture of 390 kB, and the question after the break.
    assert answers["PUT photo: ok"] >= 7 * answers["photo verdict: ok"]


def test_a_server_that_says_202_and_stores_nothing_is_found_out(stack: Stack, plan: Path, tmp_path: Path) -> None:
    """It is fast, and it is worthless."""
    told = {
        "GELOMBANG_DATABASE_URL": stack.endpoints["database_url"],
        "GELOMBANG_KEYS": str(stack.directory / "keys.json"),
    }
    plan.write_text(PLAN.replace("mistype = 10\n", ""))
    with hollow_door() as (url, _):
        done = prove(str(plan), "--url", url, "--output", str(tmp_path / "out"), environment=told)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "registrations were answered with 202 and are not stored" in done.stdout


def test_what_is_missing_is_said_in_one_plain_line(plan: Path, tmp_path: Path) -> None:
    """A plan with a wrong objective, no system, a front door without its database: exit code 3."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(PLAN.replace("p99_ms", "p99_seconds"))
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    for options in (
        (str(wrong),),
        (str(plan), "--data-dir", str(tmp_path)),
        (str(plan), "--url", "http://127.0.0.1:9"),
        (str(plan), "--check", str(plan)),
    ):
        done = prove(*options, "--output", str(tmp_path / "out"), environment=state)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stdout + done.stderr
