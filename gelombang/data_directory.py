"""The data directory of a local stack: who may use it, what is in it, and how it is emptied.

Guarantee: one stack at a time. The lock is held by every process of the stack, so that after a `kill -9` the next run
waits until the last of the old servers has let go of its data. Only files that a stack makes are ever removed.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gelombang.errors import DataDirectoryError
from gelombang.probes import process_lives

LOCK_NAME = "lock"
LOCK_MARK = "gelombang"  # first word of the lock file: tells our directories from others
OURS = (
    "watch",
    *("postgresql", "postgresql.new", "valkey", "objects", "logs", "run"),
    *("keys.json", "keys.json.new", "endpoints.json", "endpoints.json.new"),
)
PREDECESSOR_SECONDS = 20.0  # for servers whose supervisor was killed: their own shutdown takes a second or two
POLL_SECONDS = 0.1
ENDPOINTS = "endpoints.json"
KEYS = "keys.json"
OBJECTS = "objects"


@dataclass(frozen=True)
class DataDirectory:
    """A locked data directory."""

    path: Path
    lock: int  # the lock's file descriptor: children that inherit it hold the lock too

    @property
    def logs(self) -> Path:
        """Where the services write their logs."""
        return self.path / "logs"

    @property
    def endpoints(self) -> Path:
        """The file that says where everything is while the stack runs."""
        return self.path / ENDPOINTS

    @property
    def keys(self) -> Path:
        """The key ring's file."""
        return self.path / KEYS

    @property
    def photos(self) -> Path:
        """Where photos are kept, sealed."""
        return self.path / OBJECTS

    def empty(self) -> None:
        """Remove everything that earlier runs left, except the lock. Raises DataDirectoryError."""
        for name in OURS:
            path = self.path / name
            try:
                _remove(path)
            except OSError as error:
                raise DataDirectoryError(f"{path} cannot be removed: {error.strerror}. Remove it by hand.") from error

    def ensure_keys(self, generate: Callable[[], str]) -> Path:
        """Give the key ring's file; it is made once. Losing it would make every stored registration unreadable."""
        if not self.keys.exists():
            write_whole(self.keys, generate())
        return self.keys


def default_path() -> Path:
    """Give the per-user state folder (XDG base directory specification)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "gelombang"


@contextlib.contextmanager
def lock(path: Path, *, report: Callable[[str], None]) -> Iterator[DataDirectory]:
    """Hold the directory, which is made if needed. Raises DataDirectoryError when it is in use or not ours."""
    path = path.expanduser().resolve()
    _make(path)
    _refuse_foreign(path)
    handle = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, path, report)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{LOCK_MARK} {os.getpid()}\n".encode(), 0)
        yield DataDirectory(path, handle)
    finally:
        os.close(handle)


def refuse_to_empty(path: Path) -> None:
    """Raise DataDirectoryError when the directory holds something and does not look like one of ours."""
    path = path.expanduser().resolve()
    if path.is_dir() and any(path.iterdir()) and _holder(path) is None:
        raise DataDirectoryError(f"{path} is not empty and was not made by gelombang: --fresh will not touch it.")


def is_held(path: Path) -> bool:
    """Say whether a stack, or what is left of one, holds the directory now. Changes nothing."""
    try:
        handle = os.open(path / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Write a private file so that readers, and a crash, see the old or the new content and nothing between."""
    unfinished = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _remove(path: Path) -> None:
    """Remove a file, a folder, or a link but not what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirectoryError(f"{path} cannot be made: {error.strerror}. Choose another --data-dir.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise DataDirectoryError(f"{path} cannot be written to. Choose another --data-dir.")


def _refuse_foreign(path: Path) -> None:
    """Raise if one of our names is taken in a directory that is not ours."""
    if _holder(path) is None:
        taken = [name for name in (LOCK_NAME, *OURS) if (path / name).exists()]
        if taken:
            raise DataDirectoryError(
                f"{path} holds {taken[0]}, which gelombang did not make. Choose another --data-dir."
            )


def _holder(path: Path) -> int | None:
    """Give the process id that the lock file names; None when it is not one of our lock files."""
    try:
        words = (path / LOCK_NAME).read_text().split()
    except (OSError, UnicodeDecodeError):
        return None
    if not words:
        return 0  # made by us a moment ago, or cut short by a crash
    return int(words[1]) if words[0] == LOCK_MARK and len(words) > 1 else None


def _acquire(handle: int, path: Path, report: Callable[[str], None]) -> None:
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(path) or 0
            if process_lives(pid) or time.monotonic() > deadline:
                raise DataDirectoryError(
                    f"Another `gelombang up` (process {pid}) uses {path}."
                    " Stop it with Ctrl-C, or choose another --data-dir."
                ) from None
            if not told:
                report("waiting for what the previous run left running to stop")
                told = True
            time.sleep(POLL_SECONDS)
        else:
            return
