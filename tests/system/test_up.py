"""`gelombang up`, as a person or a script uses it: over the command line, files and HTTP only."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE_SECONDS = 90
SERVERS = ("postgresql", "valkey", "simulators")
WORKERS = ("worker-nik", "worker-email", "worker-phone")
# Of whoever runs the tests: a database of theirs must not be used here.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}


class Up:
    """One running `gelombang up`."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.output = directory.with_name(f"{directory.name}.output")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                _line(directory, *options), env=ENVIRONMENT, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    @property
    def endpoints(self) -> dict[str, Any]:
        """What the stack says about itself."""
        found: dict[str, Any] = json.loads((self.directory / "endpoints.json").read_text())
        return found

    def wait_until_ready(self) -> None:
        """Return when it says so; fail with what was printed when the command ends instead."""
        eventually(lambda: self.process.poll() is not None or "Ctrl-C stops" in self.output.read_text())
        assert self.process.poll() is None, self.output.read_text()

    def end(self) -> None:
        """Leave nothing behind, however the test went."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_SECONDS)


@contextlib.contextmanager
def stack(directory: Path, *options: str) -> Iterator[Up]:
    """A stack that is ready."""
    up = Up(directory, "--port", "0", "--processes", "2", *options)
    try:
        up.wait_until_ready()
        yield up
    finally:
        up.end()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One stack for the tests that leave it running."""
    with stack(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


def refused(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `gelombang up` where it must end by itself."""
    return subprocess.run(  # noqa: S603 - our own command
        _line(directory, *options), env=ENVIRONMENT, check=False, capture_output=True, text=True
    )


def doctor(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `gelombang doctor`."""
    line = [sys.executable, "-m", "gelombang", "doctor", "--data-dir", str(directory), *options]
    return subprocess.run(line, env=ENVIRONMENT, check=False, capture_output=True, text=True)  # noqa: S603 - our own command


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not collected yet has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def status(url: str) -> int:
    """Give the HTTP status of a page."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the URL is the stack's own
        found: int = answer.status
        return found


def _line(directory: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "gelombang", "up", "--data-dir", str(directory), *options]


def test_endpoints_have_the_promised_form(up: Up) -> None:
    """Clients, load tests and operators find everything by fixed names."""
    found = up.endpoints
    assert set(found) == {
        *("front_door", "mailbox", "sms", "ministry", "metrics", "database_url", "redis_url", "pids"),
    }
    assert list(found["pids"]) == [*SERVERS, "ingest-1", "ingest-2", *WORKERS]
    assert all(runs(pid) for pid in found["pids"].values())
    assert len(set(found["metrics"])) == 5
    assert (up.directory / "endpoints.json").stat().st_mode & 0o077 == 0, "a database URL may carry a password"


def test_everything_answers(up: Up) -> None:
    """What is printed as ready is ready."""
    found = up.endpoints
    pages = [found["front_door"] + "/", *(found[name] + "/livez" for name in ("mailbox", "sms", "ministry"))]
    assert {url: status(url) for url in (*pages, *found["metrics"])} == dict.fromkeys((*pages, *found["metrics"]), 200)
    said = up.output.read_text()
    for name in ("front_door", "mailbox", "sms", "ministry"):
        assert found[name] in said


def test_the_key_ring_is_private(up: Up) -> None:
    """Whoever reads the keys can read every registration."""
    assert (up.directory / "keys.json").stat().st_mode & 0o077 == 0


def test_a_second_stack_on_the_same_data_is_refused(up: Up) -> None:
    """Two stacks would ruin the data; the message says who is there."""
    second = refused(up.directory, "--port", "0")
    assert second.returncode == 3
    assert str(up.process.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert (up.directory / "endpoints.json").exists(), "the first one is not disturbed"


def test_a_second_stack_on_the_same_port_is_refused(up: Up, tmp_path: Path) -> None:
    """The front doors share their port, but not with another stack, which would get half of the registrations."""
    second = refused(tmp_path / "other", "--port", up.endpoints["front_door"].rpartition(":")[2])
    assert second.returncode == 3
    assert "--port 0" in second.stderr


@pytest.mark.parametrize("name", ["worker-nik", "ingest-1", "valkey", "postgresql"])
def test_what_dies_comes_back(up: Up, name: str) -> None:
    """A crash is told in one line, mended, and the file names the new process."""
    before = up.endpoints["pids"][name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: up.endpoints["pids"][name] != before)
    said = up.output.read_text()
    assert f"{name} ended unexpectedly (SIGKILL)" in said
    assert f"{name} is back." in said
    ready = [url.replace("/metrics", "/readyz") for url in up.endpoints["metrics"]]
    eventually(lambda: all(_is_ready(url) for url in ready))


def _is_ready(url: str) -> bool:
    try:
        return status(url) == 200
    except OSError:
        return False


def test_doctor_sees_the_running_stack(up: Up) -> None:
    """Every service is asked and named."""
    done = doctor(up.directory)
    assert done.returncode == 0, done.stdout
    assert f"ok    front door {up.endpoints['front_door']} answers" in done.stdout
    assert "ok    PostgreSQL answers" in done.stdout
    assert "ok    Valkey answers" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    """Nothing runs on, and nobody finds a stack that is not there."""
    with stack(tmp_path / "data") as up:
        pids = up.endpoints["pids"].values()
        up.process.send_signal(number)
        assert up.process.wait(DEADLINE_SECONDS) == 0
        assert not any(runs(pid) for pid in pids)
        assert not (up.directory / "endpoints.json").exists()
        assert "was killed" not in up.output.read_text()


def test_a_killed_stack_leaves_nothing_and_starts_again(tmp_path: Path) -> None:
    """After `kill -9` no process stays, and the next start finds its keys and data again, without a hand."""
    with stack(tmp_path / "data") as up:
        pids = up.endpoints["pids"].values()
        keys = (up.directory / "keys.json").read_bytes()
        up.process.kill()
        up.process.wait()
        with stack(tmp_path / "data") as again:
            assert not any(runs(pid) for pid in pids)
            assert keys == (again.directory / "keys.json").read_bytes()


def test_without_simulators_the_front_door_still_works(tmp_path: Path) -> None:
    """Workers without anyone to ask are left out, and that is said."""
    with stack(tmp_path / "data", "--no-simulators") as up:
        assert list(up.endpoints["pids"]) == ["postgresql", "valkey", "ingest-1", "ingest-2"]
        assert up.endpoints["ministry"] is None
        assert "GELOMBANG_MINISTRY_URL is not set" in up.output.read_text()


def test_fresh_never_touches_what_is_not_ours(tmp_path: Path) -> None:
    """A mistyped folder is not emptied."""
    (tmp_path / "thesis.txt").write_text("three years of work")
    done = refused(tmp_path, "--port", "0", "--fresh")
    assert done.returncode == 3
    assert "--fresh will not touch it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_with_other_data_is_refused(tmp_path: Path) -> None:
    """Another program's database directory is not taken over."""
    (tmp_path / "postgresql").mkdir()
    done = refused(tmp_path, "--port", "0")
    assert done.returncode == 3
    assert "which gelombang did not make" in done.stderr


def test_doctor_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    """A taken port fails the examination, with the way out in the same line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = doctor(tmp_path / "data", "--port", str(port))
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("fail")] == [
        f"fail  port {port} is taken: stop what uses it, or run `gelombang up --port 0`"
    ]
    assert not (tmp_path / "data").exists(), "looking changes nothing"


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    """The message names the port and the way out, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused(tmp_path / "data", "--port", str(port))
    assert done.returncode == 3
    assert f"Port {port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "postgresql").exists()
