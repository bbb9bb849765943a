"""Embedded PostgreSQL and Valkey: as root and not, through crashes, and never left behind."""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

import gelombang
from gelombang import embedded, launcher, server
from gelombang.embedded import Servers
from gelombang.errors import ServerStartError
from gelombang.probes import process_lives

DEADLINE_SECONDS = 60
NOBODY = 65534

RUN_AND_TELL = """
import pathlib, sys, time
from gelombang import embedded
with embedded.servers(pathlib.Path(sys.argv[1])) as servers:
    print(servers.postgres.pid, servers.valkey.pid, flush=True)
    time.sleep(float(sys.argv[2]))
"""
SLEEP_AND_TELL = """
import signal, subprocess, sys, time
from gelombang import launcher
line = launcher.wrap(["sleep", "600"], death_signal=signal.SIGTERM)
print(*(subprocess.Popen(line, start_new_session=True).pid for _ in range(2)), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Both servers, for all tests of this file."""
    with embedded.servers(tmp_path_factory.mktemp("embedded")) as running:
        yield running


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def run(line: list[str], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - as subprocess.run has
    """Run a command to its end and keep what it said."""
    return subprocess.run(line, check=False, capture_output=True, text=True, **options)  # noqa: S603 - our own program


async def ask(url: str, query: str) -> Any:  # noqa: ANN401 - any value that PostgreSQL has
    """Give the single value of a query."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@contextlib.contextmanager
def valkey(url: str) -> Iterator[redis.Redis]:
    """A client that is closed at the end."""
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("max_connections", "200"),
    ],
)
async def test_postgresql_is_durable_and_private(servers: Servers, setting: str, expected: str) -> None:
    """202 means committed, on the embedded server too, and nothing listens on the network."""
    assert expected == await ask(servers.database_url, f"select current_setting('{setting}')")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("appendonly", "yes"), ("appendfsync", "everysec"), ("maxmemory-policy", "noeviction"), ("port", "0")],
)
def test_valkey_keeps_a_file_and_evicts_nothing(servers: Servers, setting: str, expected: str) -> None:
    """Entries outlive a restart, and a full memory refuses instead of forgetting."""
    with valkey(servers.redis_url) as client:
        assert client.config_get(setting) == {setting: expected}


async def test_a_committed_row_survives_a_crash(servers: Servers) -> None:
    """The postmaster is killed as by a power cut; the row is there when it is back."""
    await ask(servers.database_url, "create table survivor as select 42 as answer")
    before = servers.postgres.pid
    servers.postgres.kill()
    assert not process_lives(before)
    servers.postgres.start()
    assert before != servers.postgres.pid
    assert await ask(servers.database_url, "select answer from survivor") == 42


def test_an_entry_survives_a_restart(servers: Servers) -> None:
    """Valkey reads its append-only file again."""
    with valkey(servers.redis_url) as client:
        client.set("survivor", "42")
    servers.valkey.stop()
    servers.valkey.start()
    with valkey(servers.redis_url) as client:
        assert client.get("survivor") == "42"


def test_sockets_are_in_a_closed_folder(servers: Servers) -> None:
    """Access is by reaching the socket, so nobody else may."""
    sockets = Path(servers.database_url.partition("?host=")[2])
    assert sockets.stat().st_mode & 0o077 == 0
    assert Path(servers.redis_url.removeprefix("unix://")).parent.stat().st_mode & 0o077 == 0


def test_a_long_path_gets_a_short_socket_folder(tmp_path: Path) -> None:
    """A socket's path has 107 bytes; a deep data directory works all the same, and finds the same folder again."""
    deep = tmp_path / ("x" * 100)
    folder = server.socket_directory(deep)
    try:
        assert len(os.fsencode(folder / server.LONGEST_SOCKET_NAME)) <= server.SOCKET_PATH_LIMIT_BYTES
        assert folder == server.socket_directory(deep)
        assert folder != server.socket_directory(tmp_path / ("y" * 100))
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(server.socket_directory(tmp_path / ("y" * 100)))


async def test_any_folder_name_will_do(tmp_path: Path) -> None:
    """Spaces, commas and percent signs in a path reach neither a URL nor a list of settings."""
    with embedded.servers(tmp_path / "a b,c%20d") as running:
        assert await ask(running.database_url, "select 1") == 1
        with valkey(running.redis_url) as client:
            assert client.ping()
    shutil.rmtree(server.socket_directory(tmp_path / "a b,c%20d"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to someone else")
def test_a_strangers_socket_folder_is_refused(tmp_path: Path) -> None:
    """Whoever makes the short folder first could stand in for the database."""
    deep = tmp_path / ("x" * 100)
    folder = server.socket_directory(deep)
    os.chown(folder, NOBODY, NOBODY)
    try:
        with pytest.raises(ServerStartError, match="belongs to someone else"):
            server.socket_directory(deep)
    finally:
        folder.rmdir()


def test_a_crash_while_the_data_directory_is_made_is_mended(tmp_path: Path) -> None:
    """Half a data directory is never taken for a whole one."""
    unfinished = tmp_path / "postgresql.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    with embedded.servers(tmp_path) as running:
        assert process_lives(running.postgres.pid)
    assert not unfinished.exists()


@pytest.mark.parametrize("program", [SLEEP_AND_TELL, RUN_AND_TELL], ids=["sleep", "servers"])
def test_nothing_outlives_a_killed_parent(tmp_path: Path, program: str) -> None:
    """`kill -9` of whoever runs the servers leaves no process behind."""
    line = [sys.executable, "-c", program, str(tmp_path), "600"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 - our own program
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert all(process_lives(pid) for pid in pids)
        parent.kill()
    eventually(lambda: not any(process_lives(pid) for pid in pids))


def test_nothing_is_started_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    """The parent may die before the launcher can ask to be told."""
    mark = tmp_path / "started"
    line = launcher.wrap(["touch", str(mark)], death_signal=signal.SIGKILL)
    line = [part.replace(f"--parent={os.getpid()}", "--parent=1") for part in line]
    assert run(line).returncode == 0
    assert not mark.exists()


def test_a_program_that_cannot_run_is_named(tmp_path: Path) -> None:
    """A missing binary is one plain line."""
    line = launcher.wrap([str(tmp_path / "absent")], death_signal=signal.SIGKILL)
    done = run(line)
    assert done.returncode == launcher.CANNOT_EXECUTE
    assert f"cannot start {tmp_path / 'absent'}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of this file run as an ordinary user already")
def test_an_ordinary_user_can_run_both() -> None:
    """Root's way of running PostgreSQL is not the only one that works."""
    home = Path("/tmp") / f"gelombang-test-{os.getpid()}"  # noqa: S108 - pytest's own folders are closed to others
    home.mkdir(mode=0o755)
    os.chown(home, NOBODY, NOBODY)
    shutil.copytree(Path(gelombang.__file__).parent, home / "modules" / "gelombang")
    try:
        python = _python_of_nobody(home / "modules")
        done = _as_nobody([python, "-c", RUN_AND_TELL, str(home / "data"), "0"], home / "modules")
        assert done.returncode == 0, done.stderr
        assert (home / "data" / "postgresql").stat().st_uid == NOBODY
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a user namespace")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter knows system calls of x86-64 only")
def test_root_can_run_both_where_namespaces_are_forbidden(tmp_path: Path) -> None:
    """Most containers forbid user namespaces; the same data then works in both ways, in turn."""
    forbidding = Path(__file__).with_name("without_namespaces.py")
    plain = [sys.executable, "-c", RUN_AND_TELL, str(tmp_path / "data"), "0"]
    for line, owner in (([sys.executable, str(forbidding), *plain], NOBODY), (plain, 0)):
        done = run(line)
        if "no seccomp here" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == 0, done.stderr
        assert owner == (tmp_path / "data" / "postgresql").stat().st_uid


def _python_of_nobody(modules: Path) -> str:
    """Find an interpreter with which the user nobody reaches our modules and the wheels; skip when there is none."""
    question = (
        "import gelombang.embedded, gelombang.valkey as v, gelombang.postgresql as p; open(v._binary()); p._binary('')"
    )
    for python in (sys.executable, "/usr/bin/python3"):
        if _as_nobody([python, "-W", "ignore", "-c", question], modules).returncode == 0:
            return python
    pytest.skip("the user nobody reaches no Python 3.11 or not the wheels")


def _as_nobody(line: list[str], modules: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as the user nobody; one that this user cannot reach counts as failed."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(modules), sysconfig.get_path("purelib")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        return run(line, env=environment, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[])
    except PermissionError as error:
        return subprocess.CompletedProcess(line, returncode=1, stdout="", stderr=str(error))
