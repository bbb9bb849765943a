"""Photos on their way in: whole, or in parts that go on where the connection was lost.

Guarantee: of a photo never more than a few hundred kilobytes are in memory in clear, and nothing of it is on a disk in
clear: what comes in is sealed as it comes (registration/photos). Photos never touch the accept path: they have places
of their own, and whoever finds none is told to come again. If the process dies, parts that were answered are kept.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

import msgspec

from ingest.limits import Limits
from ingest.shortcut import Shortcut
from registration.checks import Kind, State
from registration.digests import KeyedDigest
from registration.errors import Overloaded, Rejected
from registration.photos.sealed import PhotoKey
from registration.photos.shelf import Shelf
from registration.sealing import KeyRing, Sealer
from registration.settings import Settings
from registration.store import photos as store
from registration.store.database import Database
from registration.store.intake import read_status
from registration.streams import keys

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_LONGEST_MAGIC = max(map(len, _MAGIC))
_UPLOAD_KEY_BYTES = 24


class Part(msgspec.Struct, frozen=True):
    """`length` bytes from byte `start` of a photo of `size`. A length of 0 only asks how far it came."""

    start: int
    length: int
    size: int


class Progress(msgspec.Struct, frozen=True):
    """How many bytes of a photo are here; `whole` when that is all, and its check has begun."""

    received: int
    whole: bool


class Photos:
    """Takes photos; without a shelf it takes none."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        shortcut: Shortcut,
        limits: Limits,
        sealer: Sealer,
        ring: KeyRing,
    ) -> None:
        self._shelf = Shelf.of(settings) if settings.objects_url else None
        self._database = database
        self._shortcut = shortcut
        self._limits = limits
        self._sealer = sealer
        self._digest = KeyedDigest(ring, "photo upload")
        self._limit_bytes = settings.photo_limit_bytes
        self._timeout_seconds = settings.photo_timeout_seconds
        self._retry_after_seconds = settings.retry_after_seconds
        self._places = settings.photo_uploads

    @property
    def are_taken(self) -> bool:
        """Whether photos are taken at all."""
        return self._shelf is not None

    async def take(self, registration_id: UUID, content: AsyncIterator[bytes]) -> None:
        """Take a whole photo, of whatever size it turns out to be, in the place of an earlier one."""
        await self._require_open(registration_id)
        self._count(registration_id)
        key, name = PhotoKey.generate(), Shelf.new_name()
        length = await self._write(key, name, content, first=True)
        digest = self._digest(secrets.token_bytes(_UPLOAD_KEY_BYTES))
        await self._begin(registration_id, digest, key, length)
        await self._add(registration_id, digest, name, Part(0, length, length))

    async def take_part(
        self, registration_id: UUID, upload_key: str, part: Part, content: AsyncIterator[bytes]
    ) -> Progress:
        """Take a part, if it begins where the last one ended; tells how far the photo came."""
        if part.size > self._limit_bytes:
            raise Rejected("photo_over_limit")
        digest = self._digest(registration_id.bytes + hashlib.sha256(upload_key.encode()).digest())
        upload = await self._begin(registration_id, digest, PhotoKey.generate(), part.size)
        if upload.size_bytes != part.size:
            raise Rejected("key_reused")
        if upload.is_whole or not part.length or part.start != upload.received_bytes:
            return Progress(upload.received_bytes, upload.is_whole)
        if part.start == 0:
            self._count(registration_id)
        key, name = PhotoKey.unsealed(upload.sealed_key, registration_id, self._sealer), Shelf.new_name()
        if await self._write(key, name, content, first=part.start == 0) != part.length:
            self._count(registration_id)
            raise Rejected("request_malformed")
        return await self._add(registration_id, digest, name, part)

    def _count(self, registration_id: UUID) -> None:
        """Raise `Overloaded` when the hour's photos are used up; count one more otherwise."""
        subjects = self._limits.photo_subjects(registration_id)
        if refusal := self._limits.refusal(subjects):
            raise refusal.error()
        self._limits.count(subjects)

    async def _require_open(self, registration_id: UUID) -> None:
        """Raise `Rejected` before a byte is read when no photo can be taken."""
        status = await read_status(self._database, registration_id)
        if status is None or self._shelf is None:
            raise Rejected("not_found")
        if Kind.PHOTO in status.checks and status.checks[Kind.PHOTO].state is State.VERIFIED:
            raise Rejected("photo_settled")

    async def _begin(self, registration_id: UUID, digest: bytes, key: PhotoKey, size: int) -> store.Upload:
        if self._shelf is None:
            raise Rejected("not_found")
        try:
            upload = await store.begin(
                self._database,
                registration_id,
                digest,
                sealed_key=key.sealed(registration_id, self._sealer),
                size_bytes=size,
            )
        except store.SettledError:
            raise Rejected("photo_settled") from None
        if upload is None:
            raise Rejected("not_found")
        return upload

    async def _write(self, key: PhotoKey, name: str, content: AsyncIterator[bytes], *, first: bool) -> int:
        """Write what comes in, sealed; how many bytes it was. A `first` part shows what the file is."""
        if self._shelf is None:
            raise Rejected("not_found")
        measured = _Measured(content, limit_bytes=self._limit_bytes, first=first)
        with self._place():
            await store.note_object(self._database, name)
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await self._shelf.put(name, key.seal(measured.pieces(), name))
            except TimeoutError:
                raise Rejected("body_too_slow") from None
        return measured.length

    async def _add(self, registration_id: UUID, digest: bytes, name: str, part: Part) -> Progress:
        added = await store.add_part(
            self._database, registration_id, digest, name=name, start=part.start, length=part.length
        )
        if added is None:  # the same part came twice at once, or the check was settled meanwhile
            return await self._so_far(registration_id, digest, part)
        if added[1]:
            self._shortcut.offer((keys.stream(Kind.PHOTO),), [registration_id])
        return Progress(*added)

    async def _so_far(self, registration_id: UUID, digest: bytes, part: Part) -> Progress:
        upload = await self._begin(registration_id, digest, PhotoKey.generate(), part.size)
        return Progress(upload.received_bytes, upload.is_whole)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places:
            raise Overloaded("overloaded", self._retry_after_seconds)
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1


class _Measured:
    """Content on its way through: how long it is, whether it is too long, and whether it begins as a photo does."""

    def __init__(self, content: AsyncIterator[bytes], *, limit_bytes: int, first: bool) -> None:
        self._content = content
        self._limit_bytes = limit_bytes
        self._first = first
        self.length = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """The same content; raises `Rejected`."""
        head = b""
        looking = self._first
        async for piece in self._content:
            self.length += len(piece)
            if self.length > self._limit_bytes:
                raise Rejected("photo_over_limit")
            if not looking:
                yield piece
                continue
            head += piece
            if len(head) >= _LONGEST_MAGIC:
                _require_photo(head)
                yield head
                looking = False
        if looking:
            raise Rejected("photo_type")  # shorter than any photo


def _require_photo(head: bytes) -> None:
    if not head.startswith(_MAGIC):
        raise Rejected("photo_type")
