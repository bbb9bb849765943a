"""A running process keeps up with its key ring: without a restart, and without one failed read."""

import os
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from registration.applicant import Applicant
from registration.sealing import KeyRing, KeyRingError, KeyRingSource, SealedDataError, Sealer, key_prefix, sealed_with

PERSON = Applicant(
    name="Siti Nurhaliza",
    birth_place="Jakarta Selatan",
    birth_date=date(1990, 2, 3),
    nik="3174014302900001",
    email="siti@mail.example",
    phone="+6281234567890",
)
ROW = UUID(int=7)
RING = KeyRing.generate()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ring's file."""
    path = tmp_path / "keys.json"
    put(path, RING)
    return path


def put(path: Path, ring: KeyRing | str) -> None:
    """Replace the file, as the command does."""
    new = path.with_suffix(".new")
    new.write_text(ring if isinstance(ring, str) else ring.to_json())
    new.replace(path)


def remove(path: Path) -> None:
    """Take the file away."""
    path.unlink()


def running(path: Path) -> Sealer:
    """What a process has that started with the ring as it is now."""
    source = KeyRingSource(str(path))
    return Sealer(source.read(), source)


def test_a_new_key_comes_next_and_seals() -> None:
    """The old secrets stay as they are."""
    ring = RING.rotated()

    assert (ring.newest, ring.index, ring.sealing[1]) == (2, RING.index, RING.sealing[1])
    assert not ring.contradicts(RING)
    assert sealed_with(Sealer(ring).seal(PERSON, ROW)) == 2
    assert ring.without(1).sealing == {2: ring.sealing[2]}


def test_a_ring_does_not_lose_its_last_key_nor_outgrow_its_ids() -> None:
    """There is always a key to seal with, and its id fits in two bytes."""
    with pytest.raises(KeyRingError):
        RING.without(1)
    with pytest.raises(KeyRingError):
        KeyRing(RING.index, {65_535: bytes(32)}).rotated()


def test_prefixes_are_in_the_order_of_the_ids() -> None:
    """Rows under older keys are found by comparing bytes."""
    prefixes = [key_prefix(key_id) for key_id in (1, 2, 255, 256, 65_535)]

    assert prefixes == sorted(prefixes)
    assert sealed_with(key_prefix(258) + b"rest") == 258


def test_an_unknown_key_is_looked_for_before_giving_up(file: Path) -> None:
    """A row that another process has sealed with the new key opens here at once, and new rows get it too."""
    sealer = running(file)
    put(file, RING.rotated())
    sealed = running(file).seal(PERSON, ROW)

    assert sealer.newest == 1
    assert sealer.unseal(sealed, ROW) == PERSON
    assert sealer.newest == sealed_with(sealer.seal(PERSON, ROW)) == 2


def test_rotations_one_after_another_are_all_found(file: Path) -> None:
    """However soon the next one comes: no waiting time stands between two readings."""
    sealer = running(file)
    ring = RING
    for key_id in range(2, 20):
        ring = ring.rotated()
        put(file, ring)
        assert sealer.unseal(Sealer(ring).seal(PERSON, ROW), ROW) == PERSON
        assert sealer.newest == key_id


def test_rubbish_does_not_make_the_file_read_over_and_over(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows with impossible key ids cost one reading of a file that stays as it is."""
    sealer = running(file)
    readings = []
    read = KeyRingSource.read

    def counting(source: KeyRingSource) -> KeyRing:
        readings.append(source)
        return read(source)

    monkeypatch.setattr(KeyRingSource, "read", counting)
    for _ in range(100):
        with pytest.raises(KeyRingError, match="no sealing key 9"):
            sealer.unseal(key_prefix(9) + os.urandom(40), ROW)

    assert len(readings) == 1


async def test_looking_takes_up_the_newest_key(file: Path) -> None:
    """A process that only seals learns of the new key too."""
    sealer = running(file)
    old = sealer.seal(PERSON, ROW)
    put(file, RING.rotated())
    with capture_logs() as logs:
        await sealer.look()
        await sealer.look()

    assert sealed_with(sealer.seal(PERSON, ROW)) == 2
    assert sealer.unseal(old, ROW) == PERSON
    assert [(line["event"], line["version"], line["count"]) for line in logs] == [("key ring taken up", 2, 2)]


async def test_what_a_process_could_open_it_opens_until_it_ends(file: Path) -> None:
    """Work in hand is read also when its key has just been retired."""
    ring = RING.rotated()
    put(file, ring)
    sealer = running(file)
    put(file, ring.without(1))
    await sealer.look()

    assert sealer.unseal(Sealer(RING).seal(PERSON, ROW), ROW) == PERSON
    with pytest.raises(KeyRingError):
        running(file).unseal(Sealer(RING).seal(PERSON, ROW), ROW)


async def test_a_key_does_not_change_its_secret(file: Path) -> None:
    """A ring that was rotated twice from the same state would make rows unreadable: it is not taken up."""
    ring = RING.rotated()
    put(file, ring)
    sealer = running(file)
    put(file, RING.rotated())
    await sealer.look()

    assert sealer.unseal(Sealer(ring).seal(PERSON, ROW), ROW) == PERSON
    with pytest.raises(SealedDataError):
        sealer.unseal(Sealer(RING.rotated()).seal(PERSON, ROW), ROW)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"index": "QUJD", "sealing": {}}', KeyRing.generate().to_json()])
async def test_a_ring_that_cannot_be_used_changes_nothing(file: Path, content: str) -> None:
    """Malformed, half written or another system's: the old ring stays, and on-call is told without a secret."""
    sealer = running(file)
    put(file, content)
    with capture_logs() as logs:
        await sealer.look()

    assert sealer.unseal(sealer.seal(PERSON, ROW), ROW) == PERSON
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("key ring cannot be taken up, the old one stays", "error")
    ]
    assert not any(secret.hex() in str(logs) or repr(secret) in str(logs) for secret in RING.sealing.values())


async def test_a_file_that_is_away_is_taken_up_when_it_is_back(file: Path) -> None:
    """A secret that is mounted anew may be missing for a moment."""
    sealer = running(file)
    remove(file)
    with capture_logs() as logs:
        await sealer.look()
        with pytest.raises(KeyRingError):
            sealer.unseal(Sealer(RING.rotated()).seal(PERSON, ROW), ROW)
    ring = RING.rotated()
    put(file, ring)

    assert logs[0]["cause"] == "the key ring cannot be read: No such file or directory"
    assert sealer.unseal(Sealer(ring).seal(PERSON, ROW), ROW) == PERSON


async def test_a_ring_from_the_environment_stays_as_it_is() -> None:
    """There is nothing to look at; and no file's name is made of it."""
    source = KeyRingSource(RING.to_json())
    sealer = Sealer(source.read(), source)
    await sealer.look()

    assert (source.path, source.mark(), sealer.newest) == (None, None, 1)
    with pytest.raises(KeyRingError):
        sealer.unseal(key_prefix(2) + os.urandom(40), ROW)
