"""The least that aiohttp costs here: a handler tuned with msgspec that answers 202 and stores nothing.

Run as `python floor.py PORT`, as often as there are cores. Whatever it accepted is lost: that is its point.
"""

import asyncio
import sys

import msgspec
import uvloop
from aiohttp import web


class Submission(msgspec.Struct):
    """The fields as they came in."""

    name: str
    birth_place: str
    birth_date: str
    nik: str
    email: str
    phone: str
    confirm: list[str] = []


class Receipt(msgspec.Struct):
    """The answer, of about the size that a real one has."""

    handle: str
    status_url: str


_decode = msgspec.json.Decoder(Submission).decode
_encode = msgspec.json.Encoder().encode


async def register(request: web.Request) -> web.Response:
    """Answer 202 for anything that parses."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise web.HTTPBadRequest(text="Idempotency-Key is missing")
    try:
        _decode(await request.read())
    except msgspec.MsgspecError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error
    answer = _encode(Receipt(handle=key, status_url=f"http://127.0.0.1/api/v1/registrations/{key}"))
    return web.Response(status=202, body=answer, content_type="application/json")


async def healthy(_request: web.Request) -> web.Response:
    """Say that it is up."""
    return web.Response()


def application() -> web.Application:
    """The application."""
    app = web.Application()
    app.router.add_post("/api/v1/registrations", register)
    app.router.add_get("/healthz", healthy)
    return app


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096, reuse_port=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
