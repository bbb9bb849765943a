"""Photos in PostgreSQL and on the shelf: parts, replacement, the worker's picture, waste, rotation, erasure."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from registration.applicant import Applicant
from registration.checks import Kind, Reason, State
from registration.errors import Permanent, Retryable
from registration.photos.sealed import PIECE_BYTES, PhotoKey
from registration.photos.shelf import Shelf
from registration.sealing import KeyRing, SealedDataError, Sealer
from registration.store import intake, photos, resealing, subjects
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.upkeep import read_ledger
from registration.store.work import Outcome, Verdict, load_work, record_outcomes
from tests.photos import CANARY, dark, jpeg, scene, with_everything
from verify_workers.kinds.photo import PhotoChecker
from verify_workers.photos.decoder import Decoder
from verify_workers.photos.sweeper import Sweeper

RING = KeyRing.generate()
SEALER = Sealer(RING)
PERSON = Applicant(
    name="Siti", birth_place="Jakarta", birth_date=date(1990, 2, 3), nik="1", email="a@b.example", phone="1"
)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path.joinpath("objects").as_uri())


@pytest.fixture
def checker(database: Database, shelf: Shelf) -> PhotoChecker:
    return PhotoChecker(database=database, shelf=shelf, sealer=SEALER, decoder=Decoder(at_once=1))


async def add(database: Database) -> UUID:
    item = uuid4()
    batch = [Registration(item, os.urandom(16), os.urandom(16), os.urandom(16), SEALER.seal(PERSON, item))]
    await intake.accept(database, batch)
    return item


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


async def send(database: Database, shelf: Shelf, item: UUID, content: bytes, *, upload: bytes = b"first") -> None:
    """A whole photo, in two parts."""
    sealed = PhotoKey.generate().sealed(item, SEALER)
    begun = await photos.begin(database, item, upload, sealed_key=sealed, size_bytes=len(content))
    assert begun is not None
    key, half = PhotoKey.unsealed(begun.sealed_key, item, SEALER), len(content) // 2
    for start, part in ((0, content[:half]), (half, content[half:])):
        name = shelf.new_name()
        await photos.note_object(database, name)
        await shelf.put(name, key.seal(pieces(part), name))
        assert await photos.add_part(database, item, upload, name=name, start=start, length=len(part))


async def check(database: Database, checker: PhotoChecker, item: UUID) -> tuple[State, str | None]:
    """What a worker does."""
    (work,) = await load_work(database, Kind.PHOTO, [item], verdict_keep_days=1.0)
    answer = await checker.check(PERSON, work)
    assert isinstance(answer.result, Verdict)
    await record_outcomes(database, Kind.PHOTO, [Outcome(work, answer.result)], challenge_seconds=1.0)
    status = await intake.read_status(database, item)
    assert status is not None
    return status.checks[Kind.PHOTO].state, status.checks[Kind.PHOTO].reason


async def kept(database: Database, shelf: Shelf, item: UUID) -> bytes:
    photo = await photos.read(database, item)
    assert photo is not None
    key = PhotoKey.unsealed(photo.sealed_key, item, SEALER)
    return b"".join([key.open(await shelf.get(name), name) for name in photo.names])


def lying(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "objects").iterdir())


async def test_a_check_begins_with_the_last_part(database: Database, shelf: Shelf) -> None:
    """Before, there is none, and the books balance at both moments."""
    item = await add(database)
    sealed = PhotoKey.generate().sealed(item, SEALER)
    await photos.begin(database, item, b"first", sealed_key=sealed, size_bytes=9)
    before = await intake.read_status(database, item)
    assert before is not None
    assert Kind.PHOTO not in before.checks
    assert (await read_ledger(database)).balances

    await send(database, shelf, item, jpeg(scene()), upload=b"second")
    after = await intake.read_status(database, item)
    assert after is not None
    assert after.checks[Kind.PHOTO].state is State.PENDING
    assert (await read_ledger(database)).balances


async def test_a_part_that_comes_twice_at_once_counts_once(database: Database, shelf: Shelf) -> None:
    """Double taps and lost replies: one of them is taken, the others change nothing."""
    item = await add(database)
    sealed = PhotoKey.generate().sealed(item, SEALER)
    await photos.begin(database, item, b"first", sealed_key=sealed, size_bytes=20)
    names = [shelf.new_name() for _ in range(10)]
    for name in names:
        await photos.note_object(database, name)
    took = await asyncio.gather(
        *(photos.add_part(database, item, b"first", name=name, start=0, length=10) for name in names)
    )
    assert sorted(took, key=str) == [(10, False), *[None] * 9]


async def test_only_the_workers_own_picture_is_kept(
    database: Database, shelf: Shelf, checker: PhotoChecker, tmp_path: Path
) -> None:
    """Of an honest photo the pixels stay; its EXIF is nowhere, and on the disk nothing is in clear."""
    item = await add(database)
    sent = with_everything()
    await send(database, shelf, item, sent)
    assert await check(database, checker, item) == (State.VERIFIED, None)

    picture = await kept(database, shelf, item)
    assert picture.startswith(b"\xff\xd8\xff")
    assert CANARY not in picture
    for path in lying(tmp_path):
        assert CANARY not in path.read_bytes()
        assert b"\xff\xd8\xff" not in path.read_bytes()[:100]
    await Sweeper(database=database, shelf=shelf, waste_seconds=0.0).run_once()
    assert len(lying(tmp_path)) == 1
    assert (await read_ledger(database)).balances


async def test_a_rejected_photo_is_destroyed_and_another_takes_its_place(
    database: Database, shelf: Shelf, checker: PhotoChecker, tmp_path: Path
) -> None:
    """The reason stays until the next photo is whole."""
    item = await add(database)
    await send(database, shelf, item, dark())
    assert await check(database, checker, item) == (State.REJECTED, Reason.PHOTO_TOO_DARK)
    assert await photos.read(database, item) is None
    await Sweeper(database=database, shelf=shelf, waste_seconds=0.0).run_once()
    assert not lying(tmp_path)

    await send(database, shelf, item, jpeg(scene()), upload=b"second")
    assert await check(database, checker, item) == (State.VERIFIED, None)
    sealed = PhotoKey.generate().sealed(item, SEALER)
    with pytest.raises(photos.SettledError):
        await photos.begin(database, item, b"third", sealed_key=sealed, size_bytes=9)
    assert (await read_ledger(database)).balances


async def test_trouble_of_ours_rejects_nobody(
    database: Database, shelf: Shelf, checker: PhotoChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that dies, an object that is lost: the one is tried again, the other is set aside (I16)."""
    item = await add(database)
    await send(database, shelf, item, jpeg(scene()))
    (work,) = await load_work(database, Kind.PHOTO, [item], verdict_keep_days=1.0)
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/bin/false")
        with pytest.raises(Retryable):
            await checker.check(PERSON, work)
    photo = await photos.read(database, item)
    assert photo is not None
    await shelf.delete(photo.names)
    with pytest.raises(Permanent):
        await checker.check(PERSON, work)


async def test_a_photo_outlives_its_sealing_key_and_an_erasure_leaves_nothing(
    database: Database, shelf: Shelf, tmp_path: Path
) -> None:
    """Rotation re-seals 32 bytes; erasure destroys them, and the sweeper what they opened."""
    item = await add(database)
    content = jpeg(scene())
    await send(database, shelf, item, content)
    newer = RING.rotated()
    async for _ in resealing.reseal(database, Sealer(newer)):
        pass
    assert await resealing.count_by_key(database) == {newer.newest: 2}
    photo = await photos.read(database, item)
    assert photo is not None
    key = PhotoKey.unsealed(photo.sealed_key, item, Sealer(newer))
    assert b"".join([key.open(await shelf.get(name), name) for name in photo.names]) == content

    erased = await subjects.erase(database, [item], subjects.Note("petugas", "tiket 7"))
    assert (erased.registrations, erased.photos) == (1, 1)
    assert await photos.read(database, item) is None
    await Sweeper(database=database, shelf=shelf, waste_seconds=0.0).run_once()
    assert not lying(tmp_path)


CONTRADICTIONS = {
    "photo to check or verified but none is kept": "delete from photos",
    "photo kept but its check never began or rejected it": (
        "update registrations set photo_state = 'rejected', photo_reason = 'x'"
    ),
    "photo kept whole but not all of it is there": "delete from photo_objects where start_byte = 0",
}


@pytest.mark.parametrize("discrepancy", CONTRADICTIONS)
async def test_each_contradiction_is_found(database: Database, shelf: Shelf, discrepancy: str) -> None:
    """Made by hand, one book at a time."""
    await send(database, shelf, await add(database), jpeg(scene()))
    await database.fetch(CONTRADICTIONS[discrepancy])
    ledger = await read_ledger(database)

    assert {discrepancy: 1} == {name: count for name, count in ledger.discrepancies.items() if count}


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_an_object_opens_whole_in_order_and_under_its_name_only(size: int) -> None:
    """Changed, cut, reordered or moved, it is refused."""
    key, content = PhotoKey.generate(), os.urandom(size)
    sealed = b"".join([piece async for piece in key.seal(pieces(content), "name")])
    step = PIECE_BYTES + 16
    assert key.open(sealed, "name") == content
    bad = [sealed[:-1], sealed[:7], sealed + b"x", bytes([sealed[0] ^ 1]) + sealed[1:]]
    if size > PIECE_BYTES:
        bad += [sealed[: 7 + step], sealed[:7] + sealed[7 + step :] + sealed[7 : 7 + step]]
    for wrong in bad:
        with pytest.raises(SealedDataError):
            key.open(wrong, "name")
    with pytest.raises(SealedDataError):
        key.open(sealed, "other")
