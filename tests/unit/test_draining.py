"""The end of a front-door process, over a server that only says which connections are open."""

import asyncio

from ingest.draining import BEAT_SECONDS, drain


class Server:
    """Connections by name. Closing the idle ones closes those that a test calls idle."""

    def __init__(self, *connections: str) -> None:
        self.connections = set(connections)
        self.idle: set[str] = set()
        self.is_ending = False
        self.closed = asyncio.Event()  # set when the door closes

    def close_idle(self, _seconds: float) -> None:
        """Close what is idle."""
        self.connections -= self.idle

    async def stop_accepting(self) -> None:
        """Close the door."""
        self.closed.set()


def draining(server: Server, *, limit_seconds: float) -> "asyncio.Task[None]":
    return asyncio.create_task(
        drain(server, server.stop_accepting, limit_seconds=limit_seconds, idle_seconds=BEAT_SECONDS)
    )


async def test_without_connections_it_is_over_at_once() -> None:
    """Nobody waits for nobody."""
    server = Server()
    await draining(server, limit_seconds=600)
    assert server.is_ending
    assert server.closed.is_set()


async def test_newcomers_are_taken_in_until_those_of_before_are_gone() -> None:
    """And what has come in meanwhile gets its answer too."""
    server = Server("before")
    task = draining(server, limit_seconds=600)
    await asyncio.sleep(2 * BEAT_SECONDS)
    assert server.is_ending
    assert not server.closed.is_set()
    server.connections = {"newcomer"}
    await server.closed.wait()
    assert not task.done()
    server.idle.add("newcomer")
    await task


async def test_a_connection_that_never_ends_is_given_up() -> None:
    """At the limit the drain is over, and the door was closed to newcomers before."""
    server = Server("endless")
    await draining(server, limit_seconds=4 * BEAT_SECONDS)
    assert server.closed.is_set()
    assert server.connections == {"endless"}
