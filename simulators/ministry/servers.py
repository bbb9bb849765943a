"""How long the ministry takes: a number of servers and a queue before them, which obey the law of collapse (`law`).

An abandoned call still costs its server the whole time: the ministry does not notice who has gone.
"""

import asyncio
import random
import time
from collections import OrderedDict

from simulators.ministry.control import BrownOut, Control


class Servers:
    """The servers and the queue before them. Calls that wait are lost with the process, like those of the real one."""

    def __init__(self, *, control: Control, randomness: random.Random) -> None:
        self._randomness = randomness
        self._busy = 0
        # Ordered, and quick to leave from the middle: in an overload most who wait give up.
        self._queue: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._take_over(control)

    @property
    def inside(self) -> int:
        """Calls in service or in the queue."""
        return self._busy + len(self._queue)

    def adjust(self, control: Control) -> None:
        """Take over a new latency and capacity; calls in service end as they began."""
        self._take_over(control)
        self._admit()

    async def serve(self) -> None:
        """Wait for a server and then for its work; returns at once when neither latency nor capacity is set."""
        if not self._latency.mean_seconds and not self._capacity.servers:
            return
        await self._enter()
        loop = asyncio.get_running_loop()
        seconds = self._latency.draw(self._randomness) * self._capacity.stretch(self.inside)
        if brown_out := self._brown_out_now():
            seconds *= brown_out.slowdown
        done_at = loop.time() + seconds
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            loop.call_at(done_at, self._leave)
            raise
        self._leave()

    def _take_over(self, control: Control) -> None:
        self._latency, self._capacity = control.latency(), control.collapse()
        self._brown_out = control.brown_out
        self._set_at = time.monotonic()

    async def _enter(self) -> None:
        if self._has_room() and not self._queue:
            self._busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue.pop(turn, None)  # unless it was passed over in the same moment
            else:  # its turn came in the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        self._busy -= 1
        self._admit()

    def _admit(self) -> None:
        """Let in as many as there is room for, longest wait first."""
        while self._queue and self._has_room():
            turn, _ = self._queue.popitem(last=False)
            if not turn.done():  # done by cancellation: its caller has just left
                self._busy += 1
                turn.set_result(None)

    def _has_room(self) -> bool:
        servers = self._capacity.servers
        if servers and (brown_out := self._brown_out_now()):
            servers = max(1, round(servers * brown_out.capacity_share))
        return not servers or self._busy < servers

    def _brown_out_now(self) -> BrownOut | None:
        if self._brown_out is None or not self._brown_out.left(time.monotonic() - self._set_at):
            return None
        return self._brown_out
