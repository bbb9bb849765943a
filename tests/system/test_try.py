"""`gelombang try` against a real `gelombang up`, as a person uses both: command lines, files and exit codes only."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.stack import DEADLINE_SECONDS, ENVIRONMENT, Stack, command, eventually, gelombang

COUNT = 60


@contextlib.contextmanager
def trying(stack: Stack, output: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `gelombang try` beside the test, and stop it in the end."""
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command("try", stack.directory, *options),
            env=ENVIRONMENT,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE_SECONDS)


def accepted(stack: Stack) -> int:
    """How many registrations there are; fails unless the books balance."""
    done = gelombang("ledger", stack.directory, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    books: dict[str, Any] = json.loads(done.stdout)
    return int(books["accepted"])


def test_everybody_ends_as_deserved_and_a_repeated_run_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """Each persona gets its end, and the same people with the same keys are the same registrations."""
    report = tmp_path / "report.json"
    before = accepted(stack)
    done = gelombang("try", stack.directory, "--count", str(COUNT), "--seed", "20200411", "--json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"All {COUNT} applicants ended as they deserve." in done.stdout
    found = json.loads(report.read_text())
    assert (found["exit_code"], found["otherwise"], found["seed"]) == (0, [], 20200411)
    assert sum(persona["as_deserved"] for persona in found["personas"]) == COUNT
    assert accepted(stack) == before + COUNT

    again = gelombang("try", stack.directory, "--count", str(COUNT), "--seed", "20200411")
    assert again.returncode == 0, again.stdout + again.stderr
    assert accepted(stack) == before + COUNT


def test_a_run_outlives_what_is_killed_under_it(stack: Stack, tmp_path: Path) -> None:
    """Front door, workers, Valkey and PostgreSQL go away for a while, and everybody still gets what they deserve."""
    output = tmp_path / "try.output"
    with trying(stack, output, "--count", str(COUNT), "--rate", "10") as run:
        for name in ("ingest-1", "worker-nik", "valkey", "postgresql"):
            lines = len(output.read_text().splitlines())
            eventually(lambda seen=lines: len(output.read_text().splitlines()) > seen)  # type: ignore[misc]
            assert run.poll() is None, output.read_text()
            stack.kill(name)
        assert run.wait(DEADLINE_SECONDS) == 0, output.read_text()
    assert "Sent later than due" in output.read_text()
    accepted(stack)


def test_a_run_that_had_no_time_proves_nothing(stack: Stack) -> None:
    """Whoever is never found is asked about again for seven seconds."""
    done = gelombang("try", stack.directory, "--count", str(COUNT), "--timeout", "1")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "This run proves nothing" in done.stdout


def test_an_interrupted_run_proves_nothing(stack: Stack, tmp_path: Path) -> None:
    """Ctrl-C ends it with what was seen so far."""
    output = tmp_path / "try.output"
    with trying(stack, output, "--count", str(COUNT), "--rate", "1") as run:
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
