"""What every handler reads from a request, checked at the edge. Raises `Rejected` with the contract's code."""

import asyncio
import re
import time
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID

from aiohttp import web

from ingest import wording
from ingest.routing import Request
from ingest.wording import LANGUAGES, Language
from registration.errors import Rejected
from registration.handles import Handles

BODY_LIMIT_BYTES = 16 * 1024
_JSON = "application/json"
_IDEMPOTENCY_KEY = re.compile(r"\A[\x21-\x7e]{8,128}\Z")

Read = TypeVar("Read")


def idempotency_key(request: web.BaseRequest) -> str:
    """The one Idempotency-Key: 8 to 128 visible ASCII characters."""
    values = request.headers.getall("Idempotency-Key", ())
    if not values:
        raise Rejected("idempotency_key_missing")
    if len(values) > 1:
        raise Rejected("idempotency_key_format")
    return require_idempotency_key(values[0])


def require_idempotency_key(text: str) -> str:
    """The text itself, when it can be an idempotency key."""
    if not _IDEMPOTENCY_KEY.match(text):
        raise Rejected("idempotency_key_format")
    return text


def json_body(request: web.BaseRequest, *, timeout_seconds: float) -> Awaitable[bytes]:
    """The body of a request that says it is JSON."""
    if request.headers.get("Content-Type") != _JSON and request.content_type != _JSON:
        raise Rejected("not_json")
    return body(request, timeout_seconds=timeout_seconds)


async def body(request: web.BaseRequest, *, timeout_seconds: float) -> bytes:
    """The whole body, in time and within the limit."""
    if request.content.is_eof():  # it came together with the headers: nothing to wait for, no timer to set
        received = request.content.read_nowait()
        if len(received) > BODY_LIMIT_BYTES:
            raise Rejected("body_too_large")
        return received
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        raise Rejected("body_too_large")
    try:
        async with asyncio.timeout(timeout_seconds):
            return await awaited(request, request.read())
    except TimeoutError:
        raise Rejected("body_too_slow") from None


async def awaited(request: web.BaseRequest, reading: Awaitable[Read]) -> Read:
    """What comes of reading from the body; the wait for it is the client's. The desk's requests are not timed."""
    began = time.perf_counter()
    try:
        return await reading
    finally:
        if isinstance(request, Request):
            request.awaited_seconds += time.perf_counter() - began


def registration_id(request: Request, handles: Handles) -> UUID:
    """The registration that the handle in the path names."""
    found = handles.verify(request.captured)
    if found is None:
        raise Rejected("not_found")
    return found


def language(request: web.BaseRequest) -> Language:
    """`?lang=` first, then Accept-Language, else Indonesian."""
    asked = request.query.get("lang") if request.query_string else None
    for known in LANGUAGES:
        if asked == known:
            return known
    return wording.choose_language(request.headers.get("Accept-Language"))
