"""The usual peer: FastAPI with pydantic, asyncpg, and arq for the work behind it.

Run by `uvicorn fastapi_arq:app --workers 2`, with DATABASE_URL and REDIS_URL. For each request a row (its own commit)
and two jobs; jobs of a process that dies in between are lost, as in most code of this kind.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated
from uuid import UUID

import asyncpg
from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, Header, Request
from pydantic import BaseModel, Field

CONNECTIONS = 16
QUEUE = "fastapi:queue"
INSERT = """
insert into registrations (idempotency_key, name, birth_place, birth_date, nik, email, phone)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (idempotency_key) do update set idempotency_key = excluded.idempotency_key
returning id
"""


class Registration(BaseModel):
    """What an applicant sends."""

    name: str = Field(min_length=1, max_length=100)
    birth_place: str = Field(min_length=1, max_length=100)
    birth_date: date
    nik: str = Field(pattern=r"^[0-9]{16}$")
    email: str = Field(min_length=6, max_length=254)
    phone: str = Field(min_length=9, max_length=20)
    confirm: list[str] = []


class Receipt(BaseModel):
    """What the applicant gets."""

    id: UUID


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Hold the pools while the application lives."""
    application.state.arq = await create_pool(RedisSettings.from_dsn(os.environ["REDIS_URL"]), default_queue_name=QUEUE)
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS
    ) as application.state.database:
        yield
    await application.state.arq.aclose()


app = FastAPI(lifespan=lifespan)


@app.post("/api/v1/registrations", status_code=202)
async def register(
    registration: Registration, idempotency_key: Annotated[str, Header(min_length=8, max_length=128)], request: Request
) -> Receipt:
    """Store the registration, enqueue its two checks, answer."""
    state = request.app.state
    registration_id = await state.database.fetchval(
        INSERT,
        idempotency_key,
        registration.name,
        registration.birth_place,
        registration.birth_date,
        registration.nik,
        registration.email,
        registration.phone,
    )
    await state.arq.enqueue_job("check_nik", str(registration_id))
    await state.arq.enqueue_job("check_email", str(registration_id))
    return Receipt(id=registration_id)


@app.get("/healthz")
async def healthy() -> None:
    """Say that it is up."""
