"""What aiohttp's own documentation shows: a handler that parses the JSON, answers with JSON, and stores nothing.

Run as `python handler.py PORT`, as often as there are cores. Whatever it accepted is lost: that is its point.
"""

import asyncio
import json
import sys

import uvloop
from aiohttp import web

FIELDS = ("name", "birth_place", "birth_date", "nik", "email", "phone")


async def register(request: web.Request) -> web.Response:
    """Answer 202 for anything that parses and has its fields."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise web.HTTPBadRequest(text="Idempotency-Key is missing")
    try:
        form = await request.json()
    except json.JSONDecodeError as error:
        raise web.HTTPBadRequest(text="no JSON") from error
    if any(not form.get(field) for field in FIELDS):
        raise web.HTTPUnprocessableEntity(text="a field is missing")
    receipt = {"handle": key, "status_url": f"http://127.0.0.1/api/v1/registrations/{key}"}
    return web.json_response(receipt, status=202)


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
