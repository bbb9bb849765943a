"""`gelombang up`, as a person or a script uses it: over the command line, files and HTTP only."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.stack import API, DEADLINE_SECONDS, Stack, call, eventually, gelombang, running, someone

SERVERS = ("postgresql", "valkey", "simulators")
WORKERS = ("worker-nik", "worker-email", "worker-phone", "worker-photo", "worker-student", "worker-waves")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests that leave it running, with all that a person gets who sets nothing."""
    with running(tmp_path_factory.mktemp("up") / "data", environment={}) as started:
        yield started


def runs(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not collected yet has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def refused(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `gelombang up` where it must end by itself."""
    return gelombang("up", directory, *options)


def test_endpoints_have_the_promised_form(up: Stack) -> None:
    """Clients, load tests and operators find everything by fixed names."""
    found = up.endpoints
    assert set(found) == {
        *(
            "front_door",
            "mailbox",
            "sms",
            "ministry",
            "student",
            "desk",
            "metrics",
            "database_url",
            "redis_url",
            "pids",
        ),
    }
    assert list(found["pids"]) == [*SERVERS, "ingest-1", "ingest-2", *WORKERS]
    assert all(runs(pid) for pid in found["pids"].values())
    assert len(set(found["metrics"])) == 2 + len(WORKERS)
    assert (up.directory / "endpoints.json").stat().st_mode & 0o077 == 0, "a database URL may carry a password"


def test_whoever_studies_is_told_so_and_asks_again_after_leaving(up: Stack) -> None:
    """Until then nothing is complete; who left school is, by a button on the page."""
    person = someone()
    leaver = msgspec.structs.replace(person, nik=f"{person.nik[:12]}9603")
    handle = up.register(leaver).json["handle"]

    def student() -> tuple[str, str | None]:
        check = up.status(handle)["checks"]["student"]
        return check["state"], check["reason"]

    assert student()[0] in {"pending", "rejected"}
    eventually(lambda: student() == ("rejected", "is_student"))
    assert up.status(handle)["state"] == "rejected"
    assert f'action="/r/{handle}/student' in up.call("GET", f"/r/{handle}").body.decode()
    early = up.call("POST", f"{API}/{handle}/student")
    assert (early.status, early.json["code"]) == (429, "recheck_limit")
    eventually(lambda: up.call("POST", f"{API}/{handle}/student").status == 200)
    eventually(lambda: student() == ("verified", None))


def test_everything_answers(up: Stack) -> None:
    """What is printed as ready is ready."""
    found = up.endpoints
    pages = [found["front_door"] + "/", *(found[name] + "/livez" for name in ("mailbox", "sms", "ministry", "student"))]
    assert {url: call("GET", url).status for url in (*pages, *found["metrics"])} == dict.fromkeys(
        (*pages, *found["metrics"]), 200
    )
    said = up.output.read_text()
    for name in ("front_door", "mailbox", "sms", "ministry", "student"):
        assert found[name] in said


def test_the_key_ring_is_private(up: Stack) -> None:
    """Whoever reads the keys can read every registration."""
    assert (up.directory / "keys.json").stat().st_mode & 0o077 == 0


def test_a_second_stack_on_the_same_data_is_refused(up: Stack) -> None:
    """Two stacks would ruin the data; the message says who is there."""
    second = refused(up.directory, "--port", "0")
    assert second.returncode == 3
    assert str(up.process.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert (up.directory / "endpoints.json").exists(), "the first one is not disturbed"


def test_a_second_stack_on_the_same_port_is_refused(up: Stack, tmp_path: Path) -> None:
    """The front doors share their port, but not with another stack, which would get half of the registrations."""
    second = refused(tmp_path / "other", "--port", up.endpoints["front_door"].rpartition(":")[2])
    assert second.returncode == 3
    assert "--port 0" in second.stderr


@pytest.mark.parametrize("name", ["worker-nik", "ingest-1", "valkey", "postgresql"])
def test_what_dies_comes_back(up: Stack, name: str) -> None:
    """A crash is told in one line, mended, and the file names the new process."""
    before = up.endpoints["pids"][name]
    up.kill(name)
    eventually(lambda: up.endpoints["pids"][name] != before)
    said = up.output.read_text()
    assert f"{name} ended unexpectedly (SIGKILL)" in said
    assert f"{name} is back." in said
    up.wait_until_healthy()


def test_doctor_sees_the_running_stack(up: Stack) -> None:
    """Every service is asked and named."""
    done = gelombang("doctor", up.directory)
    assert done.returncode == 0, done.stdout
    assert f"ok    front door {up.endpoints['front_door']} answers" in done.stdout
    assert "ok    PostgreSQL answers" in done.stdout
    assert "ok    Valkey answers" in done.stdout


def ends_whole(up: Stack, number: signal.Signals) -> None:
    """Nothing runs on, and nobody finds a stack that is not there."""
    pids = up.endpoints["pids"].values()
    up.process.send_signal(number)
    assert up.process.wait(DEADLINE_SECONDS) == 0
    assert not any(runs(pid) for pid in pids)
    assert not (up.directory / "endpoints.json").exists()
    assert "was killed" not in up.output.read_text()


def test_sigterm_stops_everything(tmp_path: Path) -> None:
    """As whoever supervises it asks."""
    with running(tmp_path / "data") as up:
        ends_whole(up, signal.SIGTERM)


def test_without_simulators_the_front_door_still_works_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    """Workers without anyone to ask are left out, and that is said."""
    with running(tmp_path / "data", "--no-simulators") as up:
        own = ("ingest-1", "ingest-2", "worker-photo", "worker-waves")
        assert list(up.endpoints["pids"]) == ["postgresql", "valkey", *own]
        assert up.endpoints["ministry"] is None
        assert "GELOMBANG_MINISTRY_URL is not set" in up.output.read_text()
        ends_whole(up, signal.SIGINT)


def test_a_killed_stack_leaves_nothing_and_starts_again(tmp_path: Path) -> None:
    """After `kill -9` no process stays, and the next start finds its keys and data again, without a hand."""
    with running(tmp_path / "data", processes=1) as up:
        pids = up.endpoints["pids"].values()
        keys = (up.directory / "keys.json").read_bytes()
        up.process.kill()
        up.process.wait()
        with running(tmp_path / "data", "--no-simulators", "--workers", "0", processes=1) as again:
            assert not any(runs(pid) for pid in pids)
            assert keys == (again.directory / "keys.json").read_bytes()


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
        done = gelombang("doctor", tmp_path / "data", "--port", str(port))
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
