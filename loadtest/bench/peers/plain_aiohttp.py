"""A lean peer: aiohttp, one row (its own commit) and two stream entries for each request.

Run as `python plain_aiohttp.py PORT`, as often as there are cores, with DATABASE_URL and REDIS_URL. 202 follows the
commit; entries of a process that dies between commit and XADD are lost, as in most code of this kind.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis

CONNECTIONS = 16
INSERT = """
insert into registrations (idempotency_key, name, birth_place, birth_date, nik, email, phone)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (idempotency_key) do update set idempotency_key = excluded.idempotency_key
returning id
"""
POOL: web.AppKey[Any] = web.AppKey("pool")
REDIS: web.AppKey[Any] = web.AppKey("redis")


class Submission(msgspec.Struct):
    """The fields, with the formats that a schema can say."""

    name: str
    birth_place: str
    birth_date: date
    nik: str
    email: str
    phone: str
    confirm: list[str] = []


_decode = msgspec.json.Decoder(Submission).decode


async def register(request: web.Request) -> web.Response:
    """Store the registration, enqueue its two checks, answer."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise web.HTTPBadRequest(text="Idempotency-Key is missing")
    try:
        form = _decode(await request.read())
    except msgspec.MsgspecError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error
    registration = await request.app[POOL].fetchval(
        INSERT, key, form.name, form.birth_place, form.birth_date, form.nik, form.email, form.phone
    )
    redis = request.app[REDIS]
    await redis.xadd("plain:check_nik", {"id": str(registration)})
    await redis.xadd("plain:check_email", {"id": str(registration)})
    return web.json_response({"id": str(registration)}, status=202)


async def healthy(_request: web.Request) -> web.Response:
    """Say that it is up."""
    return web.Response()


async def connections(app: web.Application) -> AsyncIterator[None]:
    """Hold the pools while the application lives."""
    redis = Redis.from_pool(BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=CONNECTIONS))
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        app[POOL], app[REDIS] = pool, redis
        yield
    await redis.aclose()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    app = web.Application()
    app.router.add_post("/api/v1/registrations", register)
    app.router.add_get("/healthz", healthy)
    app.cleanup_ctx.append(connections)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096, reuse_port=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
