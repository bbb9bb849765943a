"""Starts the processes of a contender and stops them, each with its output in a log file.

The processes must not outlive the bench: their command lines come with the launcher that sees to that.
"""

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

READY_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_OK = 200
_LISTEN = "0A"  # TCP_LISTEN, of the kernel's tcp_states.h


class ServingError(RuntimeError):
    """A process did not start; the message has its last words."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process: its command line, what it is told, and the URL that answers 200 once it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready_url: str


@contextlib.contextmanager
def running(programs: Sequence[Program], logs: Path) -> Iterator[list[int]]:
    """Run all of them; gives their process ids once all are ready. Stops them with SIGTERM. Raises `ServingError`."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for program in programs:
            with (logs / f"{program.name}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(  # noqa: S603 - contenders that the bench composed
                        program.command,
                        env=dict(program.environment),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
        for program, process in zip(programs, started, strict=True):
            # On a port that several share, one that answers says nothing of the others: each has to listen.
            sharing = sum(other.ready_url == program.ready_url for other in programs)
            _wait_until_ready(program, process, logs, wanted=sharing)
        yield [process.pid for process in started]
    finally:
        _stop(started)


def listeners(port: int, table: str) -> int:
    """How many sockets listen on a port, by the text of /proc/net/tcp (proc_net(5))."""
    rows = (line.split() for line in table.splitlines()[1:])
    return sum(row[1].endswith(f":{port:04X}") and row[3] == _LISTEN for row in rows)


def _wait_until_ready(program: Program, process: subprocess.Popen[bytes], logs: Path, *, wanted: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not (_listeners(program.ready_url) >= wanted and _answers(program.ready_url)):
        if process.poll() is not None or time.monotonic() > deadline:
            words = (logs / f"{program.name}.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise ServingError(f"{program.name} did not start: {' / '.join(words) or 'it said nothing'}")
        time.sleep(_POLL_SECONDS)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listeners(url: str) -> int:
    return listeners(urlsplit(url).port or 0, Path("/proc/net/tcp").read_text(encoding="ascii"))


def _answers(url: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=1.0)
    with contextlib.closing(connection):
        try:
            connection.request("GET", address.path or "/")
            return connection.getresponse().status == _OK
        except (OSError, http.client.HTTPException):
            return False
