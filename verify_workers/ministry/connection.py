"""HTTP/1.1 to the registry, and no more of it than one kind of question needs: kept connections, one call on each.

aiohttp's own client makes a request object, a header map, a URL, a timer and a response for each call; here the head is
bytes that were made once, and aiohttp's C parser reads the reply. No redirects, no cookies, no proxies, no compression.

Guarantee: a reply is whole or it is an error. A connection serves again only if its last reply ended where it said it
would; another reply or nonsense behind it closes it, and answers no question. If the process dies, calls under way have
an unknown outcome.
"""

import asyncio
import base64
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser
from yarl import URL

_FIRST_FINAL_STATUS = 200
_IDLE_SECONDS = 60.0
_HEAD_LIMIT_BYTES = 8190  # of each line
_BUFFER_BYTES = 2**16


class TooLateError(Exception):
    """The moment for a request was over before it could be written; nothing was sent, and the connection is kept."""


class Reply(msgspec.Struct, frozen=True):
    """What came back; a `body` longer than the limit is cut just behind it."""

    status: int
    body: bytes
    retry_after: str | None


class Poster:
    """POSTs to one address; make it inside the running loop."""

    def __init__(self, url: URL, *, headers: dict[str, str], body_limit_bytes: int, timeout_seconds: float) -> None:
        self._host, self._port = url.host or "", url.port or 0
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._body_limit_bytes = body_limit_bytes
        self._timeout_seconds = timeout_seconds
        # To look up the running loop is a system call (before Python 3.12), and `asyncio.timeout` does so thrice.
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        lines = [f"POST {url.raw_path_qs} HTTP/1.1", f"Host: {url.host_port_subcomponent}"]
        if url.user is not None:
            word = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
            lines.append(f"Authorization: Basic {word}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode()

    async def post(self, body: bytes, *, in_time: Callable[[], bool]) -> Reply:
        """The whole reply; raises `TimeoutError` and `OSError`.

        `in_time` is asked when nothing is left to be done but to write: raises `TooLateError` where it says no.
        """
        until = self._loop.time() + self._timeout_seconds
        connection = self._take() or await self._connect(until)
        if not in_time():
            self._keep(connection)
            raise TooLateError
        try:
            reply = await connection.exchange(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), until=until)
        except BaseException:
            connection.abort()
            raise
        self._keep(connection)
        return reply

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._idle:
            self._idle.pop().abort()

    def _keep(self, connection: "Connection") -> None:
        if connection.is_open:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)

    def _take(self) -> "Connection | None":
        """The one that was used last, so that what is not needed grows old and is closed."""
        oldest = time.monotonic() - _IDLE_SECONDS
        while self._idle and (self._idle[0].idle_since < oldest or not self._idle[0].is_open):
            self._idle.popleft().abort()
        while self._idle:
            if (connection := self._idle.pop()).is_open:
                return connection
        return None

    async def _connect(self, until: float) -> "Connection":
        async with asyncio.timeout_at(until):
            _, connection = await self._loop.create_connection(
                lambda: Connection(self._loop, self._body_limit_bytes), self._host, self._port, ssl=self._tls
            )
        return connection


class Connection(BaseProtocol):
    """One connection, with at most one exchange under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, body_limit_bytes: int) -> None:
        super().__init__(loop=loop, parser=None)
        self._body_limit_bytes = body_limit_bytes
        self._http: HttpResponseParser
        self._waiter: asyncio.Future[Reply] | None = None
        self._message: Any = None
        self._payload: Any = None
        self._body = b""
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it may be used again."""
        return self.transport is not None and not self.transport.is_closing()

    async def exchange(self, request: bytes, *, until: float) -> Reply:
        """Send, and wait until then for the whole reply; raises `OSError`, a time-out too. After any error: `abort`."""
        if not self.is_open or self.transport is None:
            raise ConnectionError("closed")
        self._message = self._payload = None
        self._body = b""
        # A new one for each reply: what may have come behind the last one is no beginning of this.
        self._http = HttpResponseParser(
            self,
            self._loop,
            _BUFFER_BYTES,
            max_line_size=_HEAD_LIMIT_BYTES,
            max_field_size=_HEAD_LIMIT_BYTES,
            read_until_eof=True,
            auto_decompress=False,
        )
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiter = waiter
        deadline = self._loop.call_at(until, self._fail, TimeoutError())
        try:
            self.transport.write(request)
            return await waiter
        finally:
            deadline.cancel()

    def abort(self) -> None:
        """Close without waiting for anything."""
        self._waiter = None
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of the reply; what nobody asked for ends the connection."""
        if not data:
            return  # the payload's reader says that it has room again, which it always has here
        if self._waiter is None:
            self.abort()
            return
        try:
            messages, upgraded, _ = self._http.feed_data(data)
        except Exception as error:  # noqa: BLE001 - whatever the parser does not like
            self._fail(ConnectionError("not HTTP"), error)
            return
        final = [found for found in messages if found[0].code >= _FIRST_FINAL_STATUS]
        if upgraded or len(final) + (self._message is not None) > 1:
            self._fail(ConnectionError("more than one reply"))
            return
        if final:
            self._message, self._payload = final[0]
        if self._message is not None:
            self._read()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the exchange: well, if the reply was to last until now."""
        if self._waiter is not None:
            try:
                self._http.feed_eof()
                if exc is None and self._message is not None:
                    self._read()
            except Exception as error:  # noqa: BLE001 - the reply is not whole
                self._fail(ConnectionError("closed in the reply"), error)
            self._fail(ConnectionError("closed"))
        super().connection_lost(exc)

    def _read(self) -> None:
        payload = self._payload
        if payload.exception() is not None:
            self._fail(ConnectionError("the reply broke off"))
            return
        part = payload.read_nowait()
        self._body += part
        is_whole, is_long = payload.is_eof(), len(self._body) > self._body_limit_bytes
        if not (is_whole or is_long) or self._waiter is None:
            return
        waiter, self._waiter = self._waiter, None
        message = self._message
        if is_long or message.should_close:
            self.abort()
        if not waiter.done():
            body = self._body[: self._body_limit_bytes + 1]
            waiter.set_result(Reply(message.code, body, message.headers.get("Retry-After")))

    def _fail(self, error: OSError, cause: Exception | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            error.__cause__ = cause
            waiter.set_exception(error)
        self.abort()
