"""Things to pass on later, in batches, by whoever has time: bounded, and putting something in never waits.

For what may be lost: what finds no room is told and forgotten, and everything here dies with the process.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Holds up to `limit` items."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Item] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._waiting)

    def put(self, items: Sequence[Item]) -> int:
        """Add items as far as there is room; returns how many found none."""
        room = self._limit - len(self._waiting)
        self._waiting.extend(items[:room])
        self._arrived.set()
        return max(0, len(items) - room)

    async def take(self, most: int) -> list[Item]:
        """Wait for items and take the oldest, up to `most`."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]
