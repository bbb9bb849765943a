"""One connection through the proxy: two directions, each read, perhaps harmed, and handed on in order.

Knows nothing of what is spoken. If the process dies, both sides see their connection end.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable

from simulators.fault_proxy.faults import Faults

_READ_BYTES = 64 * 1024
# SO_LINGER on with zero seconds: the kernel sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


class Side:
    """One end: the client's or the server's socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._has_ended = False
        own = writer.get_extra_info("socket")
        if own.family != socket.AF_UNIX:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a slice is a segment

    def reset(self) -> None:
        """End it with RST."""
        transport = self.writer.transport
        if not transport.is_closing():
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

    def half_close(self) -> None:
        """Tell it that nothing more will come; what it sends still passes, what is on the way to it is lost."""
        self._has_ended = True
        if self.writer.can_write_eof() and not self.writer.transport.is_closing():
            self.writer.write_eof()

    async def send(self, data: bytes) -> None:
        """Hand it on."""
        if not self._has_ended:
            self.writer.write(data)
            await self.writer.drain()


class Connection:
    """Both ends and what passes between them. `faults` is asked anew for everything that passes."""

    def __init__(
        self,
        client: Side,
        server: Side,
        *,
        faults: Callable[[], Faults],
        passable: asyncio.Event,
        randomness: random.Random,
    ) -> None:
        self.client = client
        self.server = server
        self._faults = faults
        self._passable = passable
        self._randomness = randomness
        self._asked = False  # a request is on its way or through, and its reply has not begun
        self.lost_reply = False

    async def run(self) -> None:
        """Hand on until both directions have ended; then both ends are closed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._requests())
                tasks.create_task(self._replies())
        except* OSError:
            self.cut()  # one end broke: the other is told the same way
        finally:
            self.client.writer.close()
            self.server.writer.close()

    def cut(self) -> None:
        """Reset both ends."""
        self.client.reset()
        self.server.reset()

    async def _requests(self) -> None:
        while data := await self.client.reader.read(_READ_BYTES):
            self._asked = True  # before it is out: the reply can be faster than our own task
            await self._hand_on(data, self.server)
        self.server.half_close()

    async def _replies(self) -> None:
        while data := await self.server.reader.read(_READ_BYTES):
            if self._asked and self._randomness.random() < self._faults().drop_reply:
                self.lost_reply = True
                self.cut()
                return
            self._asked = False
            await self._hand_on(data, self.client)
        self.client.half_close()

    async def _hand_on(self, data: bytes, to: Side) -> None:
        faults = self._faults()
        if faults.delay_seconds or faults.jitter_seconds:
            await asyncio.sleep(faults.delay_seconds + self._randomness.uniform(0, faults.jitter_seconds))
        step = faults.slice_bytes or len(data)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            # Sleeping for no time at all still lets others run: slices must not come in one burst.
            await asyncio.sleep(len(piece) / faults.bytes_per_second if faults.bytes_per_second else 0)
            await self._passable.wait()
            await to.send(piece)
