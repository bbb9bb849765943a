"""The books of every second, and how they must balance at each of them (I17).

A second in which PostgreSQL is away has no book; it is counted as such. In memory only.
"""

import asyncio
from collections.abc import Callable, Mapping

from loadtest.chaos.ground import Ground
from loadtest.chaos.journal import sql
from registration.checks import FROM_THE_START
from registration.errors import Retryable

_SECOND = 1.0
_SHARE_OF_TIME = 0.2  # looking must not become the load


class Watch:
    """Samples for as long as `run` runs. `acked` tells how many receipts clients hold."""

    def __init__(self, ground: Ground, acked: Callable[[], int]) -> None:
        self._ground = ground
        self._acked = acked
        self.samples = 0
        self.unbalanced = 0
        self.missing = 0
        self.away = 0
        self.longest_gap_seconds = 0.0
        self.latest: Mapping[str, int] = {}

    @property
    def waiting(self) -> int:
        """Checks that waited for workers at the latest look."""
        return sum(count for name, count in self.latest.items() if name.endswith(("_pending", "_delayed")))

    async def run(self) -> None:
        """Sample every second; ends by cancellation."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            began = loop.time()
            try:
                await self.sample()
            except Retryable:
                self.away += 1
            else:
                self.longest_gap_seconds = max(self.longest_gap_seconds, loop.time() - last)
                last = loop.time()
            took = loop.time() - began
            await asyncio.sleep(max(_SECOND - took, took * (1 / _SHARE_OF_TIME - 1)))

    async def sample(self) -> None:
        """Look once."""
        acked = self._acked()  # before the snapshot: each of these must be in it
        (row,) = await self._ground.database.fetch(sql("sample"))
        books = dict(row)
        self.samples += 1
        accepted = books["accepted"]
        sums = [sum(count for name, count in books.items() if name.startswith(f"{kind}_")) for kind in FROM_THE_START]
        self.unbalanced += any(total != accepted for total in sums)
        self.missing += accepted < acked
        self.latest = books
