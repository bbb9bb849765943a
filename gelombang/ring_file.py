"""The key ring's file: found, and changed by one command at a time.

Guarantee: whoever reads the file sees the old or the new ring, whole, and two commands at once do not undo each other.
If the command dies, the file holds the one or the other. Nothing here shows a secret.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from gelombang import data_directory as directories
from gelombang.errors import CommandError
from registration.sealing import LOOK_SECONDS, KeyRing, KeyRingError, KeyRingSource

# After this every process that can read the file has looked at it, also one that was busy for a while.
SETTLED_SECONDS = 2.5 * LOOK_SECONDS


def locate(data_directory: Path | None) -> KeyRingSource:
    """Where the ring of the system that the other commands speak to is: GELOMBANG_KEYS, else the local stack's."""
    given = os.environ.get("GELOMBANG_KEYS")
    if given:
        return KeyRingSource(given)
    if os.environ.get("GELOMBANG_DATABASE_URL"):
        raise CommandError("GELOMBANG_DATABASE_URL is set and GELOMBANG_KEYS is not: say which ring that database has.")
    return KeyRingSource(str((data_directory or directories.default_path()) / directories.KEYS))


def read(source: KeyRingSource) -> KeyRing:
    """The ring; raises `CommandError`."""
    try:
        return source.read()
    except KeyRingError as error:
        where = "GELOMBANG_KEYS" if source.path is None else source.path
        raise CommandError(f"{where}: {error}") from None


def require_path(source: KeyRingSource) -> Path:
    """The file that can be changed; raises `CommandError` for a ring that stands in the environment."""
    if source.path is None:
        raise CommandError(
            "GELOMBANG_KEYS holds the ring itself, which no command can change. Write it to a file with mode 0600, set"
            " GELOMBANG_KEYS to its path for every process, and run this again."
        )
    return source.path.resolve()  # what a link points to is replaced, not the link


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep other commands from changing the file meanwhile. Raises `CommandError` when its folder cannot be opened."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CommandError(f"{path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(path: Path, ring: KeyRing) -> None:
    """Put a ring in the place of another, for the same owner, safe on the disk. Raises `CommandError`."""
    try:
        owner = path.stat()
        if os.geteuid() not in {0, owner.st_uid}:
            raise CommandError(f"{path} belongs to another user. Run this as that user, or as root.")
        directories.write_whole(path, ring.to_json())
        os.chown(path, owner.st_uid, owner.st_gid)
        _keep_rename(path.parent)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}. Where the ring is kept elsewhere and mounted here, change it"
            " there."
        ) from None


def unsettled_seconds(path: Path) -> float:
    """For how long from now some process may still seal with a key that was the newest before the last change."""
    return max(0.0, path.stat().st_mtime + SETTLED_SECONDS - time.time())


def _keep_rename(folder: Path) -> None:
    """A new key must not get lost in a power cut once something was sealed with it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
