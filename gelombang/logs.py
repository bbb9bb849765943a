"""The log files of the local stack: one for each service, appended to by the service itself, bounded in size.

A service writes straight into its file, so nothing is lost or held up when the supervisor is busy or dead. One older
file is kept (`NAME.log.1`).
"""

import shutil
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 32 * 1024 * 1024
TAIL_BYTES = 8 * 1024


class Log:
    """One service's log file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Put the previous run's file aside."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists():
            self.path.replace(self._older)

    def open(self) -> BinaryIO:
        """Open it for a child to write to. Appending matters: `trim` empties the file under the writer's feet."""
        return self.path.open("ab")

    def trim(self) -> None:
        """Copy the file aside and empty it once it is over LIMIT_BYTES. Lines written in between may be lost."""
        if self.path.exists() and self.path.stat().st_size > LIMIT_BYTES:
            shutil.copyfile(self.path, self._older)
            with self.path.open("r+b") as file:
                file.truncate(0)

    def last_lines(self, count: int) -> list[str]:
        """Give the last lines, for a message that says why something died."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-count:]

    @property
    def _older(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")
