"""One connection: its requests are answered one after another, in one task.

aiohttp reads the bytes and parses them. From there on this is ours (ADR 0012): aiohttp's own loop gives each request a
task of its own, so that it has context variables of its own, which nothing here has; and what aiohttp would answer in
its own words is answered in ours.

A request that is being answered when its client goes is carried on to its end: what it stores is found by its key.
"""

import array
import asyncio
import fcntl
import termios
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import ERROR, RequestPayloadError

from ingest.admission import Admission
from ingest.answering import Answering
from ingest.prepared import Prepared
from ingest.requests import BODY_LIMIT_BYTES
from ingest.routing import Answer, Request
from registration.runtime import describe_bug

log = structlog.get_logger(__name__)


class Connections(Protocol):
    """The server as a connection sees it."""

    is_ending: bool
    connection_limit: int
    head_timeout_seconds: float

    @property
    def connection_count(self) -> int:
        """How many there are."""


class Connection(web.RequestHandler):
    """Asks `answering` for every answer.

    aiohttp waits for ever for a head that does not end. Here a head has a deadline from its first byte, and a new
    connection one for its first request.
    """

    def __init__(self, server: Any, answering: Answering, admission: Admission, **options: Any) -> None:  # noqa: ANN401 - aiohttp's options
        super().__init__(server, **options)
        self._server: Connections = server
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

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Do nothing where nothing was stopped; aiohttp calls it at the end of every body."""
        if resume_parser or self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline with the connection."""
        if self._head_deadline is not None:
            self._head_deadline.cancel()
        super().connection_lost(exc)

    def _set_head_deadline(self) -> None:
        self._head_deadline = self._loop.call_later(self._server.head_timeout_seconds, self.force_close)

    async def start(self) -> None:
        """Answer requests until the connection ends; aiohttp runs it as the connection's task."""
        try:
            while not self._force_close:
                if not self._messages:
                    self._waiter = self._loop.create_future()
                    try:
                        await self._waiter
                    finally:
                        self._waiter = None
                if not await self._take_next():
                    break
                self._keep_open()
        except ConnectionError:  # the client is gone
            self.force_close()
        except asyncio.CancelledError:
            self.force_close()
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: one connection ends, the others go on
            log.error("bug in server", **describe_bug(error))
            self.force_close()
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _take_next(self) -> bool:
        """Answer the oldest request that waits; whether the connection stays open behind it."""
        message, payload = self._messages.popleft()
        self._read_on()
        self._request_in_progress = True
        try:
            if isinstance(message, RawRequestMessage):
                # aiohttp tells the current request when the client goes.
                request = self._current_request = self._request(message, payload)
                answer: Answer = await self._answering.answer(request)
            else:  # aiohttp's note of what is no HTTP: it quotes the bytes and is told to nobody
                request = self._request(ERROR, payload)
                answer = self._answering.malformed(request)
            if isinstance(answer, Prepared):
                answer.write(request)
            else:
                request.write_with(StreamWriter(self, self._loop))
                await answer.prepare(request)
                await answer.write_eof()
        finally:
            self._current_request = None
            self._request_in_progress = False
            if self._handler_waiter is not None:  # aiohttp's shutdown waits for the answer
                self._handler_waiter.set_result(None)
        stays = bool(answer.keep_alive)
        if not payload.is_eof():
            stays = await self._pass_over(payload) and stays
        return stays and not self._close and not self._force_close

    def _read_on(self) -> None:
        """Let the parser go on where it had stopped, since too many requests waited."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def _request(self, message: RawRequestMessage, payload: StreamReader) -> Request:
        return Request(message, payload, self, None, self._task_handler, self._loop, client_max_size=BODY_LIMIT_BYTES)  # type: ignore[arg-type]

    async def _pass_over(self, payload: StreamReader) -> bool:
        """Read what is left of a body, for a while: closing on top of it would lose the answer (RFC 9112, 9.6).

        Whether the next request can begin behind it.
        """
        try:
            async with asyncio.timeout(self._lingering_time):
                while not payload.is_eof():
                    await payload.readany()
        except (TimeoutError, RequestPayloadError):
            return False
        return True

    def _keep_open(self) -> None:
        """Close the connection if no further request comes in time."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
