"""A `gelombang up` of a command's own, to be broken: on a data directory of its own, removed at the end."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gelombang.errors import CommandError
from gelombang.local_settings import LOCAL_SETTINGS

if TYPE_CHECKING:
    from loadtest.chaos.ground import Site

_READY_SECONDS = 180.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.2
_LAST_LINES = 5


@contextlib.contextmanager
def own_system(directory: Path, *, options: Sequence[str], settings: Mapping[str, str]) -> Iterator["Site"]:
    """The system on this directory, ready; stopped at the end. Its output is in `up.log` beside the directory."""
    from gelombang import data_directory, endpoints, launcher, server  # noqa: PLC0415 - slow to import
    from loadtest.chaos.ground import Site  # noqa: PLC0415

    line = [sys.executable, "-P", "-m", "gelombang", "up", "--port=0", f"--data-dir={directory}", *options]
    environment = {**settings, **server.environment()}
    output = directory.with_name("up.log")
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            launcher.wrap(line, death_signal=signal.SIGTERM),
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C ends the load; the system ends after the ledger
        )
    try:
        path = directory / data_directory.ENDPOINTS
        _wait_until_ready(process, path, output)
        yield Site(
            endpoints=lambda: endpoints.read(path),
            keys=environment.get("GELOMBANG_KEYS") or str(directory / data_directory.KEYS),
            valkey_data=directory / "valkey",
            lease_seconds=_setting(environment, "lease_seconds"),
            rate_ceiling=_setting(environment, "ministry_rate_per_second"),
            concurrency_ceiling=int(_setting(environment, "ministry_concurrency")),
            stream_cap=int(_setting(environment, "stream_cap")),
        )
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _setting(environment: Mapping[str, str], name: str) -> float:
    """A number as the system has it."""
    from registration.settings import describe  # noqa: PLC0415 - slow to import

    described = describe(name)
    told = environment.get(described.variable) or LOCAL_SETTINGS.get(described.variable)
    return float(told or described.default)


def _wait_until_ready(process: "subprocess.Popen[bytes]", path: Path, output: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            last = " / ".join(output.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:])
            raise CommandError(f"the system under fault did not start: {last}")
        time.sleep(_POLL_SECONDS)
