"""One link: a port on which the proxy stands for a server, the faults it has, and the connections that pass.

Everything is in memory; if the process dies, every connection ends and nobody can connect until it is back.
"""

import asyncio
import random
from typing import Literal

import msgspec

from simulators.fault_proxy.connection import Connection, Side
from simulators.fault_proxy.faults import NONE, Faults

_BACKLOG = 4096
_CONNECT_SECONDS = 10.0
UNIX = "unix:"


class Route(msgspec.Struct, frozen=True):
    """`name` of the link, the `port` it listens on (0 is any), and the server: `host:port` or `unix:/path`."""

    name: str
    port: int
    upstream: str

    @classmethod
    def parse(cls, text: str) -> "Route":
        """Read `name:port:upstream`; raises ValueError."""
        name, port, upstream = text.split(":", 2)
        return cls(name, int(port), upstream)


class LinkReport(msgspec.Struct, frozen=True):
    """What a link is and what passed so far."""

    address: str
    upstream: str
    faults: Faults
    connections: int
    accepted: int
    lost_replies: int
    cut: int


class Link:
    """One route, open."""

    def __init__(self, route: Route, *, host: str, randomness: random.Random) -> None:
        self.name = route.name
        self._route = route
        self._host = host
        self._randomness = randomness
        self._faults = NONE
        self._passable = asyncio.Event()
        self._passable.set()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._address = ""
        self._accepted = self._lost_replies = self._cut = 0

    async def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accept, self._host, self._route.port, backlog=_BACKLOG)
        self._address = f"{self._host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        self._passable.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set_faults(self, faults: Faults) -> None:
        """Have these faults from now on, also on connections that are open."""
        self._faults = faults
        if faults.blackhole:
            self._passable.clear()
        else:
            self._passable.set()

    def cut(self) -> int:
        """Reset every connection; returns how many."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.cut()
        self._cut += len(connections)
        return len(connections)

    def half_close(self, towards: Literal["client", "server"]) -> int:
        """Tell one end of every connection that nothing more will come; returns how many."""
        connections = tuple(self._connections)
        for connection in connections:
            side = connection.client if towards == "client" else connection.server
            side.half_close()
        return len(connections)

    def report(self) -> LinkReport:
        """What it is and what passed."""
        return LinkReport(
            address=self._address,
            upstream=self._route.upstream,
            faults=self._faults,
            connections=len(self._connections),
            accepted=self._accepted,
            lost_replies=self._lost_replies,
            cut=self._cut,
        )

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's logs an error for every connection that is cancelled.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        client = Side(reader, writer)
        if self._faults.refuse:
            client.reset()
            return
        try:
            await self._passable.wait()
            server = Side(*await self._connect())
        except OSError:  # the server is away: the client is refused as it would be there
            client.reset()
            return
        connection = Connection(
            client, server, faults=lambda: self._faults, passable=self._passable, randomness=self._randomness
        )
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._lost_replies += connection.lost_reply

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = self._route.upstream
        async with asyncio.timeout(_CONNECT_SECONDS):
            if upstream.startswith(UNIX):
                return await asyncio.open_unix_connection(upstream.removeprefix(UNIX))
            host, _, port = upstream.rpartition(":")
            return await asyncio.open_connection(host, int(port))
