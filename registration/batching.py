"""Group commit: what arrives while one commit is under way goes into the next, as one.

Guarantee: `submit` ends only after the commit that holds its item has returned, with that item's own result; when the
commit fails, every submitter of the batch gets its error and must take the outcome as unknown. If the process dies,
whatever was not answered is either committed whole or not at all.

The batch grows with load by itself: an idle system commits single items at once, a busy one whatever has queued up.
In a rush, what goes with the next commit is in the kernel or half-way here when the last one ends. So the event loop
turns as long as a few turns bring more, without a timer. In the bench that makes batches more than half as large again,
and answers come no later (docs/performance.md).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from registration.errors import Overloaded

READ_LIMIT = 512  # ids in one look-up: they stay cheap, however little a commit may hold
_PACE_WEIGHT = 0.2  # of the newest commit
_QUIET_TURNS = 6  # of the event loop: an answer's way to a client near by, and its next request's way here
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit = commit
        self._batch_limit = batch_limit
        self._queue_limit = queue_limit
        self._retry_after_seconds = retry_after_seconds
        self._observe = observe
        self._clock = clock
        self._writers = 0
        self._is_busy = False  # the last batch was of several
        self._pace_seconds = 0.0  # of a commit, averaged over the last few
        self._waiting: deque[tuple[Item, asyncio.Future[Result], float]] = deque()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        """Items that wait for a commit."""
        return len(self._waiting)

    @property
    def expected_wait_seconds(self) -> float:
        """How long a newcomer will wait until its commit begins: the full batches ahead, at the pace of the last ones.

        At least as long as the first in the queue has waited, so that a commit that hangs is noticed before it ends.
        Who goes with the next batch waits for none: a queue that is short again always lets in.
        """
        if not self._waiting:
            return 0.0
        ahead = len(self._waiting) // self._batch_limit * self._pace_seconds / max(1, self._writers)
        return max(ahead, self._clock() - self._waiting[0][2])

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Queue `item`; the future ends with its result after the commit. Raises `Overloaded` when full."""
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded("overloaded", self._retry_after_seconds)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # a system call each time (before Python 3.12)
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append((item, future, self._clock()))
        self._arrived.set()
        return future

    async def run(self) -> None:
        """Commit batches for ever. Several of these may run at once, each with a commit of its own under way."""
        self._writers += 1
        try:
            while True:
                await self.run_once()
        finally:
            self._writers -= 1

    async def run_once(self) -> None:
        """Wait for items and commit one batch of them."""
        await self._gather()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_limit))]
        self._is_busy = len(batch) > 1
        began = self._clock()
        self._observe(len(batch), began - batch[0][2])
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
        self._pace_seconds += _PACE_WEIGHT * (self._clock() - began - self._pace_seconds)

    async def _gather(self) -> None:
        """Wait for an item; in a rush, also until a few turns of the loop have brought no more."""
        quiet_turns = 0
        while not (ready := len(self._waiting)) or (
            self._is_busy and quiet_turns < _QUIET_TURNS and ready < self._batch_limit
        ):
            if ready:
                await asyncio.sleep(0)
            else:
                self._arrived.clear()
                await self._arrived.wait()
            quiet_turns = quiet_turns + 1 if len(self._waiting) == ready else 0
