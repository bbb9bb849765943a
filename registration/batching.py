"""Group commit: what arrives while one commit is under way goes into the next, as one.

Guarantee: `submit` ends only after the commit that holds its item has returned, with that item's own result; when the
commit fails, every submitter of the batch gets its error and must take the outcome as unknown. If the process dies,
whatever was not answered is either committed whole or not at all.

The batch grows with load by itself: an idle system commits single items at once, a busy one whatever has queued up.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from registration.errors import Overloaded

READ_LIMIT = 512  # ids in one look-up: they stay cheap, however little a commit may hold
Item = TypeVar("Item")
Result = TypeVar("Result")
Commit = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]
# Told after each commit: items in the batch, and seconds that its oldest item had waited before the commit began.
Observe = Callable[[int, float], None]


class GroupCommit(Generic[Item, Result]):
    """Gathers items for `commit`, which takes a batch and returns one result for each item, in order."""

    def __init__(
        self,
        commit: Commit[Item, Result],
        *,
        batch_limit: int,
        queue_limit: int,
        retry_after_seconds: float = 1.0,
        observe: Observe = lambda _size, _seconds: None,
    ) -> None:
        self._commit = commit
        self._batch_limit = batch_limit
        self._queue_limit = queue_limit
        self._retry_after_seconds = retry_after_seconds
        self._observe = observe
        self._waiting: deque[tuple[Item, asyncio.Future[Result], float]] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """Items that wait for a commit."""
        return len(self._waiting)

    @property
    def oldest_wait_seconds(self) -> float:
        """How long the first in the queue has waited: about what a newcomer will wait."""
        return time.monotonic() - self._waiting[0][2] if self._waiting else 0.0

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Queue `item`; the future ends with its result after the commit. Raises `Overloaded` when full."""
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded("overloaded", self._retry_after_seconds)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future, time.monotonic()))
        self._arrived.set()
        return future

    async def run(self) -> None:
        """Commit batches for ever. Several of these may run at once, each with a commit of its own under way."""
        while True:
            await self.run_once()

    async def run_once(self) -> None:
        """Wait for items and commit one batch of them."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_limit))]
        self._observe(len(batch), time.monotonic() - batch[0][2])
        try:
            results = await self._commit([item for item, _, _ in batch])
            answered = list(zip(batch, results, strict=True))
        except asyncio.CancelledError:
            for _, future, _ in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future, _), result in answered:
                if not future.done():
                    future.set_result(result)
