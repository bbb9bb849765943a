"""The HTTP server: aiohttp's own, with our answer also where the bytes received are no HTTP.

aiohttp's low-level server is used without its application layer: routing and middleware cost time on the accept path,
and the answers to malformed requests cannot be set through it (ADR 0012).

Stopping loses no request that reached this process: see `ingest/draining.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from ingest.admission import Admission
from ingest.answering import Answering
from ingest.connection import Connection
from ingest.draining import drain
from ingest.listener import Listener
from registration.settings import Settings

_LINGERING_SECONDS = 2.0
_LAST_WORDS_SECONDS = 0.5  # for what is still under way when the grace period is over


class _Server(web.Server):
    """Makes a `Connection` for every connection."""

    def __init__(self, answering: Answering, admission: Admission, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - aiohttp's options
        super().__init__(answering.answer)  # type: ignore[arg-type]  # never called: a `Connection` asks for answers itself
        self._answering = answering
        self._admission = admission
        self._options = options
        self.is_ending = False
        self.connection_limit = settings.connection_limit
        self.head_timeout_seconds = settings.head_timeout_seconds

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._answering, self._admission, loop=self._loop, **self._options)

    @property
    def connection_count(self) -> int:
        """How many there are; aiohttp's `connections` is a new list of them each time."""
        return len(self._connections)

    def close_idle(self, seconds: float) -> None:
        """Close every connection on which nothing has come for so long."""
        for connection in self.connections:
            cast("Connection", connection).close_if_idle(seconds)


@asynccontextmanager
async def listening(answering: Answering, admission: Admission, settings: Settings) -> AsyncIterator[None]:
    """Serve while the body runs; then end without failing a request (`ingest/draining.py`), in the time that is set.

    Raises OSError when the port is taken, and RuntimeError when aiohttp was built without its C parser, whose
    strictness guards against request smuggling.
    """
    if HttpRequestParser is HttpRequestParserPy:
        raise RuntimeError("aiohttp has no C parser here")
    server = _Server(
        answering,
        admission,
        settings,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.keep_alive_seconds,
        lingering_time=_LINGERING_SECONDS,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_LAST_WORDS_SECONDS)
    await runner.setup()
    try:
        listener = Listener(settings)
        site = web.SockSite(runner, listener.socket, backlog=settings.listen_backlog)
        await site.start()

        async def stop_accepting() -> None:
            waiting = list(listener.take_waiting())
            await site.stop()  # closes the listener before anything else can happen
            for connection in waiting:
                await asyncio.get_running_loop().connect_accepted_socket(server, connection)

        yield
        await drain(
            server,
            stop_accepting,
            limit_seconds=settings.drain_seconds,
            idle_seconds=settings.drain_idle_seconds,
        )
    finally:
        await runner.cleanup()
