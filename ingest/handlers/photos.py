"""Photos over HTTP: a PUT, whole or in parts, for programs and the page's script; a form for who has no JavaScript."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import BodyPartReader, web

from ingest import requests
from ingest.handlers.receipts import Receipts
from ingest.origin import require_own_site
from ingest.photos import Part, Photos
from ingest.prepared import Head, Prepared
from ingest.routing import Answer, Request
from registration.errors import Overloaded, Rejected, Retryable
from registration.handles import Handles

_CONTENT_TYPES = frozenset({"image/jpeg", "image/png"})
_RANGE = re.compile(r"\Abytes (?:([0-9]{1,10})-([0-9]{1,10})|\*)/([0-9]{1,10})\Z")
_MULTIPART = "multipart/form-data"
_FIELD = "photo"
_PIECE_BYTES = 64 * 1024
_INCOMPLETE = Head(202, {"Content-Type": "application/json"})


class PhotoProgressBody(msgspec.Struct, frozen=True):
    """A photo that is not whole yet: send the part that begins at byte `received`."""

    received: int
    size: int


class PhotoHandlers:
    """Handlers over what they need."""

    def __init__(
        self, *, photos: Photos, receipts: Receipts, status: Callable[[Request], Awaitable[Prepared]], handles: Handles
    ) -> None:
        self._photos = photos
        self._receipts = receipts
        self._status = status
        self._handles = handles

    async def put(self, request: Request) -> Answer:
        """PUT …/photo: a whole photo, or with Content-Range a part of one."""
        registration_id = requests.registration_id(request, self._handles)
        if request.content_type not in _CONTENT_TYPES:
            raise Rejected("photo_type")
        described = request.headers.get("Content-Range")
        if described is None:
            await self._photos.take(registration_id, _content(request))
            return await self._status(request)
        part = _part(described)
        key = requests.idempotency_key(request)
        progress = await self._photos.take_part(registration_id, key, part, _content(request))
        if progress.whole:
            return await self._status(request)
        return Prepared(_INCOMPLETE, msgspec.json.encode(PhotoProgressBody(progress.received, part.size)))

    async def submit(self, request: Request) -> web.Response:
        """POST /r/{handle}/photo: the form's photo; what is wrong with it is said beside it."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        try:
            await self._photos.take(registration_id, _field(request))
        except (Rejected, Overloaded, Retryable) as error:
            return await self._receipts.refuse_photo(request, registration_id, error)
        return self._receipts.back(request, "photo_sent")


async def _content(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes in."""
    try:
        while piece := await requests.awaited(request, request.content.readany()):
            yield piece
    except ConnectionError as error:  # the sender is gone
        raise Rejected("request_malformed") from error


async def _field(request: Request) -> AsyncIterator[bytes]:
    """The form's one file as it comes in: aiohttp's own form parser would put it on a disk in clear."""
    if request.content_type != _MULTIPART:
        raise Rejected("request_malformed")
    try:
        field = await requests.awaited(request, (await request.multipart()).next())
        if not isinstance(field, BodyPartReader) or field.name != _FIELD:
            raise Rejected("request_malformed")
        while piece := await requests.awaited(request, field.read_chunk(_PIECE_BYTES)):
            yield piece
    except (ConnectionError, ValueError, AssertionError) as error:  # gone, or no form after all
        raise Rejected("request_malformed") from error


def _part(described: str) -> Part:
    found = _RANGE.match(described)
    if not found:
        raise Rejected("request_malformed")
    first, last, size = (None if text is None else int(text) for text in found.groups())
    if size is None or first is None or last is None:
        return Part(0, 0, size or 0)
    if not first <= last < size:
        raise Rejected("request_malformed")
    return Part(first, last + 1 - first, size)
