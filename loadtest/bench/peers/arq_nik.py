"""The usual worker: arq, asyncpg and aiohttp; a job reads a row, asks the ministry and writes what it said.

Run by `arq arq_nik.WorkerSettings`, with DATABASE_URL, REDIS_URL and MINISTRY_URL; `python arq_nik.py COUNT` makes that
many rows and jobs. It keeps no ceiling, seals nothing and remembers no identity.
"""

import asyncio
import os
import sys
from datetime import date
from typing import Any, ClassVar

import aiohttp
import asyncpg
from arq import create_pool
from arq.connections import RedisSettings

CONNECTIONS = 16
JOBS_AT_ONCE = 100
QUEUE = "nik:queue"
INSERT = """
insert into registrations (idempotency_key, name, birth_place, birth_date, nik, email, phone)
select n::text, 'Siti Rahayu', 'Jakarta', $2, '3174014302900001', 'siti@surel.example', '+6281234567890'
from generate_series(1, $1) as n
returning id
"""


async def check_nik(ctx: dict[str, Any], registration_id: str) -> None:
    """Ask the ministry about one registration."""
    row = await ctx["database"].fetchrow(
        "select name, birth_place, birth_date, nik from registrations where id = $1 and nik_state = 'pending'",
        registration_id,
    )
    if row is None:
        return
    question = {
        "NIK": row["nik"],
        "NAMA_LGKP": row["name"].upper(),
        "TMPT_LHR": row["birth_place"].upper(),
        "TGL_LHR": row["birth_date"].strftime("%d-%m-%Y"),
        "USER_ID": "",
        "PASSWORD": "",
        "IP_USER": "127.0.0.1",
        "TRESHOLD": "90",
    }
    async with ctx["session"].post(ctx["url"], json=question) as response:
        response.raise_for_status()
        said = (await response.json())["content"][0]
    agrees = all(said[field].startswith("Sesuai") for field in ("NAMA_LGKP", "TMPT_LHR", "TGL_LHR"))
    await ctx["database"].execute(
        "update registrations set nik_state = $2 where id = $1", registration_id, "verified" if agrees else "rejected"
    )


async def startup(ctx: dict[str, Any]) -> None:
    """Open what all jobs share."""
    ctx["database"] = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS)
    ctx["session"] = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
    ctx["url"] = f"{os.environ['MINISTRY_URL']}/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN"


async def shutdown(ctx: dict[str, Any]) -> None:
    """Close it."""
    await ctx["session"].close()
    await ctx["database"].close()


class WorkerSettings:
    """What arq reads."""

    functions: ClassVar = [check_nik]
    queue_name = QUEUE
    on_startup = startup
    on_shutdown = shutdown
    max_jobs = JOBS_AT_ONCE
    keep_result = 0
    redis_settings = RedisSettings.from_dsn(os.environ.get("REDIS_URL", "redis://localhost"))


async def fill(count: int) -> None:
    """Make rows and jobs."""
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    rows = await database.fetch(INSERT, count, date(1990, 2, 3))
    await database.close()
    queue = await create_pool(RedisSettings.from_dsn(os.environ["REDIS_URL"]), default_queue_name=QUEUE)
    for row in rows:
        await queue.enqueue_job("check_nik", str(row["id"]))
    await queue.aclose()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
