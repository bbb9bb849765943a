"""The answers that are no answers: what clients of a tired outside system really get.

Each is told apart from the others by what the caller sees on the wire. A call that never ends waits until its caller
leaves or the stand-in stops; nothing else is held.
"""

import asyncio
import contextlib
import enum
import socket
import struct
from typing import NoReturn

from aiohttp import web

from simulators.ministry.wire import Refusal, refusal_page


class Failure(enum.Enum):
    """Kinds of failure; the values are the names of their shares in `Faults`."""

    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    HTML = "html"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    RESET = "reset"
    HANG = "hang"
    QUOTA = "quota"
    LOGIN = "login"
    IP = "ip"


_REFUSALS = {Failure.QUOTA: Refusal.QUOTA, Failure.LOGIN: Refusal.LOGIN, Failure.IP: Refusal.IP}
_HTML_PAGE = "<!doctype html><html><body><h1>Sistem sedang dalam pemeliharaan</h1></body></html>"
# SO_LINGER on with zero seconds: the kernel sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


async def fail(failure: Failure, request: web.Request, *, retry_after_seconds: int) -> web.Response:
    """Answer `request` with `failure`; for the kinds that give no answer this does not return."""
    if failure in _REFUSALS:
        return web.Response(body=refusal_page(_REFUSALS[failure]), content_type="application/json")
    match failure:
        case Failure.HTTP_500:
            return web.Response(status=500, text="Internal Server Error")
        case Failure.HTTP_429:
            return web.Response(status=429, headers={"Retry-After": str(retry_after_seconds)})
        case Failure.HTML:
            return web.Response(text=_HTML_PAGE, content_type="text/html")
        case Failure.EMPTY:
            return web.Response(content_type="application/json")
        case Failure.TRUNCATED:
            await _truncate(request)
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
    response = web.StreamResponse(headers={"Content-Length": str(len(page))})
    response.content_type = "application/json"
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the caller can be faster and gone
        await response.write(page[: len(page) // 2])
    if request.transport is not None:
        request.transport.close()


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
