"""`gelombang try` against a real `gelombang up`, as a person uses both: command lines, files and exit codes only."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE_SECONDS = 180
COUNT = 60
# Of whoever runs the tests: a database of theirs must not be used here.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}


def line(command: str, directory: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "gelombang", command, "--data-dir", str(directory), *options]


def gelombang(command: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a subcommand to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        line(command, directory, *options),
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@contextlib.contextmanager
def running(command: str, directory: Path, output: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a subcommand beside the test, and stop it in the end."""
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            line(command, directory, *options), env=ENVIRONMENT, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE_SECONDS)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of one running system."""
    folder = tmp_path_factory.mktemp("try")
    output = folder / "up.output"
    with running("up", folder / "data", output, "--port", "0") as up:
        eventually(lambda: up.poll() is not None or "Ctrl-C stops" in output.read_text())
        assert up.poll() is None, output.read_text()
        yield folder / "data"


def accepted(directory: Path) -> int:
    """How many registrations there are; fails unless the books balance."""
    done = gelombang("ledger", directory, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    books: dict[str, Any] = json.loads(done.stdout)
    return int(books["accepted"])


def test_everybody_ends_as_deserved_and_a_repeated_run_changes_nothing(directory: Path, tmp_path: Path) -> None:
    """Each persona gets its end, and the same people with the same keys are the same registrations."""
    report = tmp_path / "report.json"
    before = accepted(directory)
    done = gelombang("try", directory, "--count", str(COUNT), "--seed", "20200411", "--json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"All {COUNT} applicants ended as they deserve." in done.stdout
    found = json.loads(report.read_text())
    assert (found["exit_code"], found["otherwise"], found["seed"]) == (0, [], 20200411)
    assert sum(persona["as_deserved"] for persona in found["personas"]) == COUNT
    assert accepted(directory) == before + COUNT

    again = gelombang("try", directory, "--count", str(COUNT), "--seed", "20200411")
    assert again.returncode == 0, again.stdout + again.stderr
    assert accepted(directory) == before + COUNT


def test_a_run_outlives_what_is_killed_under_it(directory: Path, tmp_path: Path) -> None:
    """Front door, workers, Valkey and PostgreSQL go away for a while, and everybody still gets what they deserve."""
    output = tmp_path / "try.output"
    with running("try", directory, output, "--count", str(COUNT), "--rate", "10") as run:
        for name in ("ingest-1", "worker-nik", "valkey", "postgresql"):
            lines = len(output.read_text().splitlines())
            eventually(lambda seen=lines: len(output.read_text().splitlines()) > seen)  # type: ignore[misc]
            assert run.poll() is None, output.read_text()
            os.kill(json.loads((directory / "endpoints.json").read_text())["pids"][name], signal.SIGKILL)
        assert run.wait(DEADLINE_SECONDS) == 0, output.read_text()
    assert "Sent later than due" in output.read_text()
    accepted(directory)


def test_a_run_that_had_no_time_proves_nothing(directory: Path) -> None:
    """Whoever is never found is asked about again for seven seconds."""
    done = gelombang("try", directory, "--count", str(COUNT), "--timeout", "1")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "This run proves nothing" in done.stdout


def test_an_interrupted_run_proves_nothing(directory: Path, tmp_path: Path) -> None:
    """Ctrl-C ends it with what was seen so far."""
    output = tmp_path / "try.output"
    with running("try", directory, output, "--count", str(COUNT), "--rate", "1") as run:
        eventually(lambda: "registered" in output.read_text())
        run.send_signal(signal.SIGINT)
        assert run.wait(DEADLINE_SECONDS) == 2, output.read_text()
    assert "interrupted" in output.read_text()


def test_without_a_system_one_plain_line(tmp_path: Path) -> None:
    """The person learns what to do, not where the code failed."""
    done = gelombang("try", tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert "`gelombang up`" in said
