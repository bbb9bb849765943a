"""Photos in PostgreSQL: uploads and how far they came, what lies in the object store, what is waste there.

Guarantee: an object's name is noted before it is written, so nothing lies in the store unknown. A photo is whole, its
check begun and an earlier photo gone in one commit. If the process dies, what was received stays, and the upload goes
on there.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registration.checks import MOVES, Kind, Move, State
from registration.errors import Retryable
from registration.store.database import Database
from registration.store.statements import statement


class Upload(msgspec.Struct, frozen=True):
    """How far a photo came. `settled` when the check is verified, so that no other photo is taken."""

    sealed_key: bytes
    size_bytes: int
    received_bytes: int
    is_whole: bool


class Photo(msgspec.Struct, frozen=True):
    """A whole photo: its key, and its objects in order."""

    upload_digest: bytes
    sealed_key: bytes
    size_bytes: int
    completed_at: datetime
    cleaned_at: datetime | None
    names: Sequence[str]


class SettledError(Exception):
    """The check is verified: no other photo is taken."""


async def begin(
    database: Database, registration_id: UUID, upload_digest: bytes, *, sealed_key: bytes, size_bytes: int
) -> Upload | None:
    """The upload of that digest, begun unless it is there; None without such a registration. Raises `SettledError`."""
    row = await database.fetch_row(statement("begin_photo"), registration_id, upload_digest, sealed_key, size_bytes)
    if row is None:
        return None
    if row["sealed_key"] is None:
        if row["photo_state"] == State.VERIFIED:
            raise SettledError
        raise Retryable("photo_begun_elsewhere")  # by another request at this moment
    return Upload(row["sealed_key"], row["size_bytes"], row["received_bytes"], row["is_whole"])


async def note_object(database: Database, name: str) -> None:
    """Note an object that is about to be written."""
    await database.fetch(statement("note_photo_object"), name)


async def add_part(
    database: Database, registration_id: UUID, upload_digest: bytes, *, name: str, start: int, length: int
) -> tuple[int, bool] | None:
    """Take an object as the next part; how many bytes there are then, whether it is whole. None: it does not fit."""
    row = await database.fetch_row(
        statement("add_photo_part"),
        registration_id,
        upload_digest,
        name,
        start,
        length,
        [state.value for state in MOVES[Kind.PHOTO][Move.UPLOAD].sources],
    )
    return None if row is None else (row["received_bytes"], row["is_whole"])


async def read(database: Database, registration_id: UUID) -> Photo | None:
    """The whole photo of a registration."""
    row = await database.fetch_row(statement("read_photo"), registration_id)
    return None if row is None else Photo(**dict(row))


async def replace(database: Database, registration_id: UUID, upload_digest: bytes, *, name: str, length: int) -> bool:
    """Put one object in the place of a photo's objects; False when another photo came meanwhile."""
    row = await database.fetch_row(statement("replace_photo"), registration_id, upload_digest, name, length)
    return row is not None


async def drop_unfinished(database: Database, *, older_than_seconds: float) -> None:
    """Destroy what was begun so long ago and never came whole."""
    await database.fetch(statement("drop_unfinished_photos"), older_than_seconds)


async def find_waste(database: Database, *, older_than_seconds: float, limit: int) -> Sequence[str]:
    """Names of objects that belong to no photo."""
    rows = await database.fetch(statement("find_photo_waste"), older_than_seconds, limit)
    return [row["name"] for row in rows]


async def forget_objects(database: Database, names: Sequence[str]) -> None:
    """Strike objects that are gone off the list."""
    await database.fetch(statement("forget_photo_objects"), names)
