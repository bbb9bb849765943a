"""Answers whose headers are known at start: written as one block of bytes.

For the few answers that crowds get (receipts, states, refusals). aiohttp's own response builds, checks and joins its
headers anew each time, which took 25 of 66 µs of a request that does nothing else (docs/performance.md).
"""

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

    __slots__ = ("_body", "_head", "_more", "keep_alive", "status")

    def __init__(self, head: Head, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.status = head.status
        self.keep_alive = True
        self._head = head
        self._body = body
        self._more = "" if headers is None else _lines(headers)

    def write(self, request: web.BaseRequest) -> None:
        """Write everything at once; raises ConnectionResetError when the client is gone."""
        more = self._more
        self.keep_alive = request.keep_alive
        if not self.keep_alive:
            more += "\r\nConnection: close"
        elif request.version <= _HTTP_1_0:
            more += "\r\nConnection: keep-alive"
        head = self._head.encode(len(self._body), more)
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        # Without a body, Content-Length is still that of the body there would be (RFC 9110, 8.6).
        transport.write(head if request.method == "HEAD" or self.status == _NOT_MODIFIED else head + self._body)


def _lines(headers: Mapping[str, str]) -> str:
    text = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    if any(sign in _LINE_BREAKS for value in headers.values() for sign in value):
        raise ValueError("a header's value has a line break")
    return text
