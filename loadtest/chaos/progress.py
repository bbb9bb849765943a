"""Shows a fault run while it goes on: one line a few seconds apart, in place on a terminal. It only shows."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console

_LINE_SECONDS = 5.0
_STATUS_SECONDS = 0.5


class Progress:
    """What is done at present."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._now: Counter[str] = Counter()

    def begin(self, what: str) -> None:
        """Something has begun."""
        self._now[what] += 1

    def end(self, what: str) -> None:
        """It is over."""
        self._now[what] -= 1

    async def run(self, line: Callable[[], str]) -> None:
        """Show until cancelled."""
        if self.console.is_terminal:
            with self.console.status("") as status:
                while True:
                    status.update(self._words(line()))
                    await asyncio.sleep(_STATUS_SECONDS)
        while True:
            self.console.print(self._words(line()))
            await asyncio.sleep(_LINE_SECONDS)

    def _words(self, line: str) -> str:
        now = ", ".join(name for name, count in self._now.items() if count)
        return f"[{time.monotonic() - self._began:6.1f} s] {line}{f'; now: {now}' if now else ''}"
