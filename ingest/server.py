"""The HTTP server: aiohttp's own, with our answer also where the bytes received are no HTTP.

aiohttp's low-level server is used without its application layer: routing and middleware cost time on the accept path,
and the answers to malformed requests cannot be set through it (ADR 0012).

Stopping loses no request that reached this process: see `ingest/draining.py`.
"""

import array
import asyncio
import fcntl
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from ingest.admission import Admission
from ingest.answering import Answering
from ingest.draining import drain
from ingest.listener import Listener
from ingest.requests import BODY_LIMIT_BYTES
from ingest.routing import Request
from registration.runtime import describe_bug
from registration.settings import Settings

log = structlog.get_logger(__name__)

_LINGERING_SECONDS = 2.0
_LAST_WORDS_SECONDS = 0.5  # for what is still under way when the grace period is over


class _Connection(web.RequestHandler):
    """One connection; what aiohttp would answer in its own words is answered in ours.

    aiohttp waits for ever for a head that does not end. Here a head has a deadline from its first byte, and a new
    connection one for its first request.
    """

    def __init__(self, server: "_Server", answering: Answering, admission: Admission, **options: Any) -> None:  # noqa: ANN401 - aiohttp's options
        super().__init__(server, **options)
        self._server = server
        self._answering = answering
        self._admission = admission
        self._head_deadline: asyncio.TimerHandle | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the next answer is the last one on this connection."""
        return self._server.is_ending

    def close_if_idle(self, seconds: float) -> None:
        """Close it when no request has come for so long, none has begun, and none waits in the kernel to be read."""
        idle_since = self._next_keepalive_close_time - self._keepalive_timeout
        waits = self._waiter is not None and not self._waiter.done()
        if waits and self._loop.time() - idle_since >= seconds and not self._has_unread_bytes():
            self.force_close()

    def _has_unread_bytes(self) -> bool:
        """Closing on top of bytes that were not read yet would reset the connection under a request."""
        found = array.array("i", [0])
        connection = None if self.transport is None else self.transport.get_extra_info("socket")
        if connection is not None:
            fcntl.ioctl(connection.fileno(), termios.FIONREAD, found)
        return found[0] > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection in, unless there are as many as there may be."""
        super().connection_made(transport)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout  # aiohttp sets none for 0 s
        if self._server.connection_count > self._server.connection_limit:
            self.force_close()
        else:
            self._set_head_deadline()

    def data_received(self, data: bytes) -> None:
        """Refuse a new request unread when there is no time to read it; else go on as aiohttp does."""
        # An idle connection waits in `_waiter`: what arrives then is the beginning of a request.
        if self._waiter is not None and self.transport is not None:
            refusal = self._admission.refusal(data)
            if refusal is not None:
                self.transport.write(refusal)
                self.force_close()
                return
        super().data_received(data)
        if self._messages or self._request_in_progress:  # a head has come to its end
            if self._head_deadline is not None:
                self._head_deadline.cancel()
                self._head_deadline = None
        elif self._head_deadline is None and self._waiter is not None and not self._waiter.done():  # half a head
            self._set_head_deadline()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline with the connection."""
        if self._head_deadline is not None:
            self._head_deadline.cancel()
        super().connection_lost(exc)

    def _set_head_deadline(self) -> None:
        self._head_deadline = self._loop.call_later(self._server.head_timeout_seconds, self.force_close)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a malformed request; `message` quotes it and is told to nobody."""
        del message
        if status >= 500 and exc is not None:  # noqa: PLR2004 - a server error
            log.error("bug in server", **describe_bug(exc))
        return self._answering.malformed(request)


class _Server(web.Server):
    """Makes a `_Connection` for every connection."""

    def __init__(self, answering: Answering, admission: Admission, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - aiohttp's options
        super().__init__(answering.answer, request_factory=self._request)  # type: ignore[arg-type]  # ours is a BaseRequest
        self._answering = answering
        self._admission = admission
        self._options = options
        self.is_ending = False
        self.connection_limit = settings.connection_limit
        self.head_timeout_seconds = settings.head_timeout_seconds

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._answering, self._admission, loop=self._loop, **self._options)

    @property
    def connection_count(self) -> int:
        """How many there are; aiohttp's `connections` is a new list of them each time."""
        return len(self._connections)

    def close_idle(self, seconds: float) -> None:
        """Close every connection on which nothing has come for so long."""
        for connection in self.connections:
            cast("_Connection", connection).close_if_idle(seconds)

    def _request(self, *parts: Any) -> Request:  # noqa: ANN401 - aiohttp's parts
        return Request(*parts, loop=self._loop, client_max_size=BODY_LIMIT_BYTES)  # type: ignore[misc]  # parts are the first five


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
