"""The answers that are no answers: what clients of a tired, broken or hostile outside system really get.

Each is told apart from the others by what the caller sees on the wire. A call that never ends waits until its caller
leaves or the stand-in stops; nothing else is held.
"""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Sequence
from typing import NoReturn

import msgspec
from aiohttp import web

from simulators.ministry.wire import Refusal, refusal_page


class Failure(enum.Enum):
    """Kinds of failure; the values are the names of their shares in `Faults`."""

    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    HTTP_429 = "http_429"
    HTML = "html"
    MAINTENANCE = "maintenance"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    RESET = "reset"
    HANG = "hang"
    TRICKLE = "trickle"
    REDIRECT = "redirect"
    OVERSIZED = "oversized"
    GARBAGE = "garbage"
    WRONG_SCHEMA = "wrong_schema"
    WRONG_ENCODING = "wrong_encoding"
    NO_CONTENT = "no_content"
    UNKNOWN_TEXT = "unknown_text"
    NUMBERS = "numbers"
    QUOTA = "quota"
    LOGIN = "login"
    IP = "ip"
    IP_UNKNOWN = "ip_unknown"


class Mood:
    """Which failure a call meets by chance."""

    def __init__(self, shares: Sequence[tuple[Failure, float]]) -> None:
        self._shares = shares

    def pick(self, fraction: float) -> Failure | None:
        """The failure at `fraction` (0 to 1) of all calls, or None for a proper answer."""
        for failure, share in self._shares:
            if fraction < share:
                return failure
            fraction -= share
        return None


class _Reply(msgspec.Struct, frozen=True):
    """A reply that is whole on the wire."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"


_HTML = "text/html"
_PAGE_FOR_PEOPLE = b"<!doctype html><html><body><h1>Sistem sedang dalam pemeliharaan</h1></body></html>"
_OVERSIZED_BYTES = 4 * 1024 * 1024
_REPLIES = {
    Failure.HTTP_500: _Reply(500, b"Internal Server Error", "text/plain"),
    Failure.HTTP_503: _Reply(503),
    Failure.HTTP_429: _Reply(429),
    Failure.HTML: _Reply(200, _PAGE_FOR_PEOPLE, _HTML),
    Failure.MAINTENANCE: _Reply(503, _PAGE_FOR_PEOPLE, _HTML),
    # These look like answers to whoever reads the head only.
    Failure.EMPTY: _Reply(),
    Failure.GARBAGE: _Reply(body=b"\x00\xff{]" * 64),
    Failure.WRONG_SCHEMA: _Reply(body=b'{"content":{"NIK":["Sesuai"]},"lastPage":1}'),
    Failure.WRONG_ENCODING: _Reply(body='{"content":[{"RESPON":"Données"}]}'.encode("latin-1")),
    Failure.NO_CONTENT: _Reply(body=b'{"content":[],"lastPage":true,"numberOfElements":0,"totalElements":0,"size":1}'),
    Failure.NUMBERS: _Reply(body=b'{"content":[{"NIK":1,"NAMA_LGKP":100,"TMPT_LHR":100,"TGL_LHR":1}],"size":1}'),
    Failure.OVERSIZED: _Reply(body=b'{"content":[{"RESPON":"' + b"A" * _OVERSIZED_BYTES + b'"}]}'),
    Failure.UNKNOWN_TEXT: _Reply(body=refusal_page(Refusal.UNKNOWN)),
    Failure.QUOTA: _Reply(body=refusal_page(Refusal.QUOTA)),
    Failure.LOGIN: _Reply(body=refusal_page(Refusal.LOGIN)),
    Failure.IP: _Reply(body=refusal_page(Refusal.IP)),
    Failure.IP_UNKNOWN: _Reply(body=refusal_page(Refusal.IP_UNKNOWN)),
}
_ASK_TO_COME_BACK = frozenset({Failure.HTTP_429, Failure.MAINTENANCE})
_TRICKLE_SECONDS = 0.5
# SO_LINGER on with zero seconds: the kernel sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


async def fail(failure: Failure, request: web.Request, *, retry_after_seconds: int) -> web.Response:
    """Answer `request` with `failure`; for the kinds that give no answer this does not return."""
    reply = _REPLIES.get(failure)
    if reply is not None:
        headers = {"Retry-After": str(retry_after_seconds)} if failure in _ASK_TO_COME_BACK else None
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type, headers=headers)
    match failure:
        case Failure.REDIRECT:
            return web.Response(status=302, headers={"Location": str(request.url)})
        case Failure.TRUNCATED:
            await _truncate(request)
        case Failure.TRICKLE:
            await _trickle(request)
        case Failure.RESET:
            _reset(request)
    return await hang()


async def hang() -> NoReturn:
    """Wait until the call is cancelled, which aiohttp does when the caller leaves or the server stops."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")


async def _truncate(request: web.Request) -> None:
    """Promise more than is sent, then close: the caller's reader fails in the middle of the JSON."""
    page = refusal_page(Refusal.NOT_FOUND)
    response = await _begin(request, page)
    with contextlib.suppress(ConnectionError):  # the caller can be faster and gone
        await response.write(page[: len(page) // 2])
    if request.transport is not None:
        request.transport.close()


async def _trickle(request: web.Request) -> None:
    """Send one byte at a time and never get to the end: a time-out between two reads does not notice."""
    page = refusal_page(Refusal.NOT_FOUND)
    response = await _begin(request, page)
    with contextlib.suppress(ConnectionError):
        for place in range(len(page) - 1):
            await response.write(page[place : place + 1])
            await asyncio.sleep(_TRICKLE_SECONDS)


async def _begin(request: web.Request, page: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(page))})
    response.content_type = "application/json"
    await response.prepare(request)
    return response


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
