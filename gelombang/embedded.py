"""Embedded PostgreSQL and Valkey: for the local stack as descriptions, for tests as a context manager.

    with embedded.servers(directory) as servers:
        servers.database_url, servers.redis_url
        servers.postgres.kill()   # SIGKILL, as a crash would
        servers.postgres.start()  # on the same data, ready when it returns

If the process that runs them dies, even by `kill -9`, both servers stop by themselves; what was committed stays.
"""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gelombang import server
from gelombang.errors import ServerStartError
from gelombang.postgresql import PostgreSQL
from gelombang.server import Server
from gelombang.valkey import Valkey

START_DEADLINE_SECONDS = 60.0
STOP_DEADLINE_SECONDS = 20.0
POLL_SECONDS = 0.03
RESTART_SECONDS = 0.2  # after a kill, PostgreSQL refuses to start until the last of its old processes is gone


def postgres(directory: Path) -> PostgreSQL:
    """Describe the PostgreSQL whose data is below `directory`."""
    return PostgreSQL(directory.resolve() / "postgresql", server.socket_directory(directory) / "pg")


def valkey(directory: Path) -> Valkey:
    """Describe the Valkey whose data is below `directory`."""
    return Valkey(directory.resolve() / "valkey", server.socket_directory(directory) / "valkey.sock")


class ServerProcess:
    """One embedded server that is started, killed and started again by hand. Every method blocks.

    Use it from the main thread only: the kernel ends the server when the thread that started it ends.
    """

    def __init__(self, described: Server, log: Path) -> None:
        self._server = described
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's own process id."""
        if self._process is None:
            raise ServerStartError(f"{self._server.name} is not running.")
        return self._process.pid

    @property
    def url(self) -> str:
        """Where clients find it."""
        return self._server.url

    def start(self) -> None:
        """Start it and return when it is ready. Raises ServerStartError with its last words if it is not in time."""
        if threading.current_thread() is not threading.main_thread():
            raise ServerStartError("Start embedded servers from the main thread: they end with the thread.")
        self._server.prepare()
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._spawn()
            if self._becomes_ready(deadline):
                return
            time.sleep(RESTART_SECONDS)
        self.kill()
        raise ServerStartError(f"{self._server.name} was not ready in time: {self._last_words()}")

    def stop(self) -> None:
        """Stop it cleanly; nothing happens when it does not run."""
        self._end(self._server.stop_signal)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def _spawn(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the wheel's own program
                self._server.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=server.environment(),
                start_new_session=True,  # Ctrl-C is for whoever runs us; we stop the servers in order
            )

    def _becomes_ready(self, deadline: float) -> bool:
        """Wait until it is ready, or has ended."""
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            if self._server.is_ready():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _end(self, signal_number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])


@dataclass(frozen=True)
class Servers:
    """Both servers, running."""

    postgres: ServerProcess
    valkey: ServerProcess

    @property
    def database_url(self) -> str:
        """PostgreSQL's URL, as GELOMBANG_DATABASE_URL takes it."""
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        """Valkey's URL, as GELOMBANG_REDIS_URL takes it."""
        return self.valkey.url


@contextlib.contextmanager
def servers(directory: Path) -> Iterator[Servers]:
    """Run both servers on the data below `directory`, which is made if needed, and stop them at the end."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = Servers(
        ServerProcess(postgres(directory), directory / "postgresql.log"),
        ServerProcess(valkey(directory), directory / "valkey.log"),
    )
    try:
        running.postgres.start()
        running.valkey.start()
        yield running
    finally:
        running.valkey.stop()
        running.postgres.stop()
