"""A `gelombang up` of a command's own, on a directory of its own: for proofs, replays, rehearsals and fault runs.

Guarantee: it ends with the command that started it, whatever ends that.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gelombang import data_directory, endpoints, launcher
from gelombang.errors import CommandError

# Where figures are compared nobody is asked whether they study: that is a worker and a call for each person more. A
# system of one's own (`gelombang up`, then `--data-dir`) is measured as it is.
FOR_FIGURES: Mapping[str, str] = {"GELOMBANG_STUDENT_URL": ""}
_READY_SECONDS = 180.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.1
_LAST_LINES = 5


@contextlib.contextmanager
def running(directory: Path, *options: str, environment: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Its endpoints, once it is ready; stopped in the end. Raises `CommandError` when it does not start."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory.with_name(f"{directory.name}.log")
    line = [sys.executable, "-P", "-m", "gelombang", "up", "--port=0", f"--data-dir={directory}", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            launcher.wrap(line, death_signal=signal.SIGTERM),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C ends the command first; the system ends after its last look
        )
    try:
        yield _ready(process, directory, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(process: "subprocess.Popen[bytes]", directory: Path, log: Path) -> Mapping[str, Any]:
    deadline = time.monotonic() + _READY_SECONDS
    while (found := endpoints.read(directory / data_directory.ENDPOINTS)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]
            raise CommandError(f"the system did not start: {' / '.join(words) or 'it said nothing'}")
        time.sleep(_POLL_SECONDS)
    return found
