"""Sealed data opens only where it was put, with the ring it was sealed with, and shows nothing otherwise."""

import json
import os
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.applicant import Applicant, Submission
from registration.digests import DIGEST_BYTES, Digests
from registration.sealing import KeyRing, KeyRingError, SealedDataError, Sealer

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


def rotated(ring: KeyRing) -> KeyRing:
    """The ring with a newer sealing key beside the old ones."""
    return KeyRing(index=ring.index, sealing={**ring.sealing, max(ring.sealing) + 1: os.urandom(32)})


# Sealing


@settings(deadline=None)
@given(name=st.text(max_size=200), birth_date=st.dates(), row=st.uuids())
def test_what_was_sealed_opens_as_it_was(name: str, birth_date: date, row: UUID) -> None:
    """Nothing is lost or changed on the way through."""
    person = msgspec.structs.replace(PERSON, name=name, birth_date=birth_date)
    sealer = Sealer(RING)

    assert person == sealer.unseal(sealer.seal(person, row), row)


def test_the_same_person_is_sealed_differently_each_time() -> None:
    """Equal rows cannot be told from their ciphertext."""
    sealer = Sealer(RING)

    assert len({sealer.seal(PERSON, ROW) for _ in range(100)}) == 100


def test_moved_to_another_row_it_stays_shut() -> None:
    """Whoever can write to the database cannot give one person's data to another."""
    sealer = Sealer(RING)
    sealed = sealer.seal(PERSON, ROW)

    with pytest.raises(SealedDataError):
        sealer.unseal(sealed, uuid4())


def test_one_flipped_bit_anywhere_is_noticed() -> None:
    """Behind the key's id every bit is authenticated; in it, the key is another one."""
    sealer = Sealer(RING)
    sealed = sealer.seal(PERSON, ROW)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(KeyRingError if position < 16 else SealedDataError):
            sealer.unseal(bytes(changed), ROW)


def test_cut_anywhere_it_stays_shut() -> None:
    """A truncated ciphertext is an error of its own kind, never half a person."""
    sealer = Sealer(RING)
    sealed = sealer.seal(PERSON, ROW)
    for length in range(2, len(sealed)):
        with pytest.raises(SealedDataError):
            sealer.unseal(sealed[:length], ROW)


@pytest.mark.parametrize("sealed", [b"", b"\0", b"\1", b"\0\1"])
def test_less_than_a_key_id_opens_nothing(sealed: bytes) -> None:
    """Even the shortest rubbish ends in one of the two known errors."""
    with pytest.raises((KeyRingError, SealedDataError)):
        Sealer(RING).unseal(sealed, ROW)


def test_appended_bytes_are_noticed() -> None:
    """The length is authenticated too."""
    sealer = Sealer(RING)

    with pytest.raises(SealedDataError):
        sealer.unseal(sealer.seal(PERSON, ROW) + b"\0", ROW)


def test_another_ring_with_the_same_key_id_does_not_open_it() -> None:
    """The id only says which key to try."""
    with pytest.raises(SealedDataError):
        Sealer(KeyRing.generate()).unseal(Sealer(RING).seal(PERSON, ROW), ROW)


def test_a_key_that_the_ring_lacks_is_named() -> None:
    """On-call must know which key to bring back."""
    sealed = Sealer(rotated(RING)).seal(PERSON, ROW)

    with pytest.raises(KeyRingError, match="no sealing key 2"):
        Sealer(RING).unseal(sealed, ROW)


def test_after_a_rotation_the_newest_key_seals_and_the_old_one_opens() -> None:
    """Keys rotate online: old rows stay readable, new ones no longer need the old key."""
    old, new = Sealer(RING), Sealer(rotated(RING))
    newest_only = Sealer(KeyRing(index=RING.index, sealing={2: rotated(RING).sealing[2]}))
    sealed = new.seal(PERSON, ROW)

    assert new.unseal(old.seal(PERSON, ROW), ROW) == PERSON
    assert int.from_bytes(sealed[:2], "big") == 2
    with pytest.raises(SealedDataError):
        newest_only.unseal(sealed, ROW)  # another secret under the same id


def test_after_a_rotation_digests_stay_the_same() -> None:
    """Primary keys and blind indexes come from the index secret, which does not rotate."""
    assert Digests(RING).nik(PERSON.nik) == Digests(rotated(RING)).nik(PERSON.nik)


def test_nothing_of_the_plain_text_stands_in_the_ciphertext() -> None:
    """A dump of the table names nobody."""
    sealed = Sealer(RING).seal(PERSON, ROW)
    for value in msgspec.structs.astuple(PERSON):
        text = str(value).encode()
        assert not any(text[start : start + 4] in sealed for start in range(len(text) - 3))


# The ring


def secrets_of(ring: KeyRing) -> list[str]:
    return [shown for secret in (ring.index, *ring.sealing.values()) for shown in (repr(secret)[2:-1], secret.hex())]


def test_a_ring_shows_no_secret_when_printed() -> None:
    """Neither in a log line, nor in a traceback that quotes it."""
    for shown in (repr(RING), str(RING), f"{RING}", repr([RING]), repr(Sealer(RING)), repr(Digests(RING))):
        assert not any(secret in shown for secret in secrets_of(RING))
    assert repr(RING) == "KeyRing(sealing=[1])"


def test_a_ring_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """From the JSON itself and from a file that holds it."""
    ring = rotated(RING)
    file = tmp_path / "keys.json"
    file.write_text(ring.to_json())

    assert ring == KeyRing.load(ring.to_json())
    assert ring == KeyRing.load(f"\n {ring.to_json()}")
    assert ring == KeyRing.load(str(file))


SECRET = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "[]",
        "null",
        '{"index": 1, "sealing": {}}',
        f'{{"index": "{SECRET}"}}',
        f'{{"index": "{SECRET}", "sealing": {{}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"1": "QUJD"}}}}',
        f'{{"index": "QUJD", "sealing": {{"1": "{SECRET}"}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"0": "{SECRET}"}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"65536": "{SECRET}"}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"-1": "{SECRET}"}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"x": "{SECRET}"}}}}',
        f'{{"index": "{SECRET}", "sealing": {{"1": "not base64!"}}}}',
        '{"index": "\ud800"}',
    ],
)
def test_a_malformed_ring_is_refused_without_quoting_it(text: str, tmp_path: Path) -> None:
    """Given in the environment or in a file: the operator reads what is wrong, and no secret is printed."""
    file = tmp_path / "keys.json"
    file.write_text(text, errors="surrogatepass")
    for source in (text, str(file)) if text.startswith("{") else (str(file),):
        with pytest.raises(KeyRingError) as caught:
            KeyRing.load(source)
        assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"", b"\x00", os.urandom(64)], ids=["words", "empty", "zero", "random"]
)
def test_a_file_of_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    """The wrong file in its place is a plain message at start, not a traceback."""
    file = tmp_path / "keys.json"
    file.write_bytes(content)

    with pytest.raises(KeyRingError):
        KeyRing.load(str(file))


@pytest.mark.parametrize("source", ["/nonexistent/keys.json", "", "/", "x" * 10_000, "\0", "keys\0.json"])
def test_a_ring_that_cannot_be_read_is_refused(source: str) -> None:
    """A path that leads nowhere says so."""
    with pytest.raises(KeyRingError):
        KeyRing.load(source)


def test_two_new_rings_have_nothing_in_common() -> None:
    """Their secrets are the system's randomness."""
    assert not set(secrets_of(KeyRing.generate())) & set(secrets_of(KeyRing.generate()))


# Digests


def test_digests_differ_by_purpose_and_by_ring() -> None:
    """The same text gives unrelated digests under different names, so that no book can be matched with another."""
    text = PERSON.nik
    digests = [
        digest
        for made in (Digests(RING), Digests(KeyRing.generate()))
        for digest in (made.registration_id(text).bytes, made.nik(text), made.identity(PERSON))
    ]
    digests += [Digests(RING).content(Submission(nik=text)), RING.derive("a"), RING.derive("b")]

    assert len(set(digests)) == len(digests)
    assert {DIGEST_BYTES} == {len(digest) for digest in digests[:-2]}


def test_the_same_key_always_names_the_same_row() -> None:
    """Also in another process: a replay finds its row."""
    ring = KeyRing.load(RING.to_json())

    assert Digests(RING).registration_id("a key of a client") == Digests(ring).registration_id("a key of a client")


@pytest.mark.parametrize("field", Submission.__struct_fields__)
def test_content_differs_when_any_field_does(field: str) -> None:
    """A key used again for something else is told by any change, the confirmations included."""
    other = msgspec.structs.replace(Submission(), **{field: ("x",) if field == "confirm" else "x"})

    assert Digests(RING).content(Submission()) != Digests(RING).content(other)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Siti N"), ("birth_place", "Bogor"), ("birth_date", date(1990, 2, 4)), ("nik", "3174014302900002")],
)
def test_an_identity_is_what_the_registry_compares(field: str, value: object) -> None:
    """NIK, name, birth place and date make an identity."""
    other = msgspec.structs.replace(PERSON, **{field: value})

    assert Digests(RING).identity(PERSON) != Digests(RING).identity(other)


def test_capitals_and_addresses_make_no_other_identity() -> None:
    """The registry ignores capitals and never sees mail and phone: the verdict on one holds for the other."""
    other = msgspec.structs.replace(PERSON, name="SITI NURHALIZA", birth_place="jakarta selatan", email="x", phone="y")

    assert Digests(RING).identity(PERSON) == Digests(RING).identity(other)


def test_where_one_field_ends_matters_to_an_identity() -> None:
    """Moving letters from one field to the next does not give the same digest."""
    one = msgspec.structs.replace(PERSON, name="AB", birth_place="C")
    other = msgspec.structs.replace(PERSON, name="A", birth_place="BC")

    assert Digests(RING).identity(one) != Digests(RING).identity(other)


def test_the_written_ring_is_plain_json() -> None:
    """Operators keep it in a secret store that knows JSON."""
    assert {"index", "sealing"} == set(json.loads(RING.to_json()))
