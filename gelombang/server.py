"""An embedded server, described: what the local stack and the tests both need to know to run it.

The description starts nothing that stays. `gelombang.supervisor` runs it beside other services, `gelombang.embedded`
runs it alone for tests.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from signal import Signals
from typing import Protocol

from gelombang.errors import ServerStartError

# The path of a Unix socket has 108 bytes with its final zero (unix(7)).
SOCKET_PATH_LIMIT_BYTES = 107
PLAIN_PATH = re.compile(rb"[A-Za-z0-9/._-]+")
LONGEST_SOCKET_NAME = "pg/.s.PGSQL.5432"


class Server(Protocol):
    """What can be asked of an embedded server. `prepare` and `is_ready` block; the rest only tells."""

    @property
    def name(self) -> str:
        """The name that people read: also that of its log file."""

    @property
    def url(self) -> str:
        """Where clients find it."""

    @property
    def command(self) -> list[str]:
        """The command line, launcher included: the process that it starts becomes the server."""

    @property
    def stop_signal(self) -> Signals:
        """What makes it stop soon and cleanly."""

    def prepare(self) -> None:
        """Make the data directory if there is none. Raises ServerStartError."""

    def is_ready(self) -> bool:
        """Say whether it takes work now."""


def environment() -> dict[str, str]:
    """Give the caller's environment without what would redirect PostgreSQL (PGPORT, PGOPTIONS and the like)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def socket_directory(directory: Path) -> Path:
    """Give a folder for sockets, made and closed to others: below `directory`, or one with a short and plain name.

    The short one is used when the path would be too long for a socket, or would need quoting in URLs and settings (a
    comma separates hosts there). It is always the same for the same directory: nothing piles up after a crash.
    """
    wanted = directory.resolve() / "run"
    path = os.fsencode(wanted / LONGEST_SOCKET_NAME)
    if len(path) > SOCKET_PATH_LIMIT_BYTES or not PLAIN_PATH.fullmatch(path):
        wanted = _short_directory(directory.resolve())
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_strangers(wanted)
    return wanted


def _short_directory(directory: Path) -> Path:
    digest = hashlib.blake2s(os.fsencode(directory), digest_size=8).hexdigest()
    return Path("/tmp") / f"gelombang-{os.geteuid()}-{digest}"  # noqa: S108 - checked by _refuse_strangers before use


def _refuse_strangers(folder: Path) -> None:
    """Raise if another user made the folder first: whoever owns it could stand in for the database."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ServerStartError(f"{folder} belongs to someone else. Remove it, or choose a shorter --data-dir.")
    folder.chmod(0o700)
