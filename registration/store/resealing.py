"""Moves registrations from older sealing keys to the newest, in batches.

Guarantee: a row is replaced only if it still holds what was read, so an erased one stays erased and a corrected one
stays corrected. Each batch is a commit of its own: if the process dies, what is done is done, and the next run goes on
with the rest.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import msgspec

from registration.photos.sealed import PhotoKey
from registration.sealing import KeyRingError, SealedDataError, Sealer, key_prefix
from registration.store.database import Database, Row
from registration.store.statements import statement

BATCH_LIMIT = 500
_BEFORE_ALL = UUID(int=0)


class Progress(msgspec.Struct, frozen=True):
    """What came of one batch. `unreadable` rows stay as they are: the ring lacks their key, or they were changed."""

    resealed: int
    unreadable: int


async def count_by_key(database: Database) -> Mapping[int, int]:
    """How many rows stand under each key. Reads the whole table."""
    return {row["key_id"]: row["count"] for row in await database.fetch(statement("count_sealing_keys"))}


async def reseal(database: Database, sealer: Sealer, *, batch_limit: int = BATCH_LIMIT) -> AsyncIterator[Progress]:
    """Re-seal what stands under keys older than the newest, batch by batch; tells of each batch after its commit."""
    last = _BEFORE_ALL
    while rows := await database.fetch(statement("find_sealed_before"), last, key_prefix(sealer.newest), batch_limit):
        yield await _reseal_batch(database, sealer, rows)
        last = rows[-1]["id"]
    async for progress in _reseal_photos(database, sealer, batch_limit):
        yield progress


async def _reseal_batch(database: Database, sealer: Sealer, rows: Sequence[Row]) -> Progress:
    ids, expected, fresh = [], [], []
    for row in rows:
        try:
            person = sealer.unseal(row["sealed"], row["id"])
        except (KeyRingError, SealedDataError):
            continue
        ids.append(row["id"])
        expected.append(row["sealed"])
        fresh.append(sealer.seal(person, row["id"]))
    replaced = await database.fetch(statement("replace_sealed"), ids, expected, fresh)
    return Progress(resealed=len(replaced), unreadable=len(rows) - len(ids))


async def _reseal_photos(database: Database, sealer: Sealer, batch_limit: int) -> AsyncIterator[Progress]:
    """The photos' own keys; the objects stay as they are."""
    unreadable: list[bytes] = []
    while rows := await database.fetch(
        statement("find_photo_keys_before"), key_prefix(sealer.newest), batch_limit, unreadable
    ):
        opened = [(row, _photo_key(row, sealer)) for row in rows]
        unreadable += (lost := [row["upload_digest"] for row, key in opened if key is None])
        moved = [(row, key.sealed(row["registration_id"], sealer)) for row, key in opened if key is not None]
        replaced = await database.fetch(
            statement("replace_photo_keys"),
            [row["registration_id"] for row, _ in moved],
            [row["upload_digest"] for row, _ in moved],
            [row["sealed_key"] for row, _ in moved],
            [sealed for _, sealed in moved],
        )
        yield Progress(resealed=len(replaced), unreadable=len(lost))


def _photo_key(row: Row, sealer: Sealer) -> PhotoKey | None:
    try:
        return PhotoKey.unsealed(row["sealed_key"], row["registration_id"], sealer)
    except (KeyRingError, SealedDataError):
        return None
