"""Answers whose headers are known at start: written as one block of bytes.

For the few answers that crowds get (receipts, states, refusals). aiohttp's own response builds, checks and joins its
headers anew each time, which took 25 of 66 µs of a request that does nothing else (docs/performance.md). A `Prepared`
stands in its place wherever aiohttp asks a response to `prepare`, `write_eof` and tell `keep_alive`.
"""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from ingest.headers import SECURITY

_HTTP_1_0 = (1, 0)
_NOT_MODIFIED = 304
_LINE_BREAKS = frozenset("\r\n\0")


class Head:
    """Status line and fixed headers of one kind of answer."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in {**SECURITY, **headers}.items()]
        self._lines = "\r\n".join(lines)
        self._second = 0
        self._dated = ""

    def encode(self, length: int, more: str) -> bytes:
        """The whole head, for a body of `length` bytes; `more` is further lines, each with the line break before it."""
        second = int(time.time())
        if second != self._second:  # the Date header is made once a second
            self._second = second
            self._dated = f"{self._lines}\r\nDate: {rfc822_formatted_time()}\r\nContent-Length: "
        return f"{self._dated}{length}{more}\r\n\r\n".encode("ascii")


class Prepared:
    """One answer: a head, further headers of its own, and a body."""

    __slots__ = ("_body", "_head", "_more", "_transport", "keep_alive", "status")

    def __init__(self, head: Head, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.status = head.status
        self.keep_alive = True
        self._head = head
        self._body = body
        self._more = "" if headers is None else _lines(headers)
        self._transport: asyncio.Transport | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        """Take from the request what decides how to write; called by aiohttp."""
        self.keep_alive = request.keep_alive
        self._transport = request.transport
        if not self.keep_alive:
            self._more += "\r\nConnection: close"
        elif request.version <= _HTTP_1_0:
            self._more += "\r\nConnection: keep-alive"
        head = self._head.encode(len(self._body), self._more)
        # Without a body, Content-Length is still that of the body there would be (RFC 9110, 8.6).
        self._body = head if request.method == "HEAD" or self.status == _NOT_MODIFIED else head + self._body

    async def write_eof(self) -> None:
        """Write everything at once; raises ConnectionResetError when the client is gone. Called by aiohttp."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(self._body)


def _lines(headers: Mapping[str, str]) -> str:
    text = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    if any(sign in _LINE_BREAKS for value in headers.values() for sign in value):
        raise ValueError("a header's value has a line break")
    return text
