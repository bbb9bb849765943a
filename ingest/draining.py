"""The end of a front-door process: nobody's request fails because of it.

From the first moment every answer says `Connection: close`, so a client that is at work moves on to another process by
itself. New connections are taken in for as long as those of before still have their last answer to get; then the
listener closes, with what waits in its queue taken in or left to the other processes (`ingest/listener.py`). A
connection on which nothing comes is closed once it has been idle for a while. What is still open when the time is up
is cut.

One race stays, that of every keep-alive connection (RFC 9112, 9.5): a request may be on the wire towards a connection
that was idle just as it is closed. A client repeats it with the same key; a proxy that takes unready processes out of
its rotation first never meets it (ADR 0014).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

BEAT_SECONDS = 0.05


class Drained(Protocol):
    """The server as the drain sees it."""

    is_ending: bool

    @property
    def connections(self) -> Collection[object]:
        """Those that are open."""

    def close_idle(self, seconds: float) -> None:
        """Close those on which nothing has come for so long."""


async def drain(
    server: Drained, stop_accepting: Callable[[], Awaitable[None]], *, limit_seconds: float, idle_seconds: float
) -> None:
    """Return when every connection is gone, after `limit_seconds` at the latest."""
    server.is_ending = True
    earlier = set(server.connections)

    async def pass_until(is_over: Callable[[], bool]) -> None:
        while not is_over():
            await asyncio.sleep(BEAT_SECONDS)
            server.close_idle(idle_seconds)

    try:
        async with asyncio.timeout(limit_seconds):
            try:
                async with asyncio.timeout(limit_seconds / 2):
                    await pass_until(lambda: earlier.isdisjoint(server.connections))
            except TimeoutError:  # somebody is slow; newcomers must not wait for that
                pass
            await stop_accepting()
            await pass_until(lambda: not server.connections)
    except TimeoutError:
        pass
