"""Handles, mail tokens and phone codes: only those we made are recognised."""

import re
import string
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.handles import Challenges, EmailToken, Handles
from registration.sealing import KeyRing

RING = KeyRing(index=bytes(range(32)), sealing={1: bytes(32)})
ROW = UUID("00112233-4455-6677-8899-aabbccddeeff")
# What base64 is written with, in either alphabet, and a few characters that some decoders skip.
CHARACTERS = string.ascii_letters + string.digits + "-_+/= \n.%"


def neighbours(text: str) -> list[str]:
    """Every text that differs from this one in one character."""
    return [
        text[:position] + character + text[position + 1 :]
        for position in range(len(text))
        for character in CHARACTERS
        if character != text[position]
    ]


def lengths(text: str) -> list[str]:
    """The text cut and lengthened."""
    return [*(text[:end] for end in range(len(text))), text + "A", text + "=", text + "AAAA", text * 2, f" {text}"]


@settings(deadline=None)
@given(row=st.uuids())
def test_a_handle_names_its_registration(row: UUID) -> None:
    """For ever the same, and made of characters that need no escaping in an address."""
    handles = Handles(RING)
    handle = handles.sign(row)

    assert row == handles.verify(handle)
    assert handle == handles.sign(row)
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", handle)


@pytest.mark.parametrize("row", [ROW, UUID(int=0), UUID(int=2**128 - 1), UUID(bytes=b"\xfb\xef\xbe" * 5 + b"\xff")])
def test_no_one_character_change_of_a_handle_is_recognised(row: UUID) -> None:
    """A handle has one spelling: whoever changes a character holds nothing."""
    handles = Handles(RING)

    assert [changed for changed in neighbours(handles.sign(row)) if handles.verify(changed) is not None] == []


def test_a_handle_of_another_length_is_not_recognised() -> None:
    """Neither cut nor lengthened."""
    handles = Handles(RING)

    assert [changed for changed in lengths(handles.sign(ROW)) if handles.verify(changed) is not None] == []


@settings(deadline=None, max_examples=300)
@given(text=st.text(min_size=40, max_size=40) | st.text(alphabet=CHARACTERS, min_size=40, max_size=40) | st.text())
def test_no_text_makes_a_handle_fail_otherwise_than_by_none(text: str) -> None:
    """Whatever stands in the address, the answer is the same."""
    assert Handles(RING).verify(text) is None


def test_a_handle_of_another_ring_is_not_recognised() -> None:
    """It is signed, not only encoded."""
    assert Handles(KeyRing.generate()).verify(Handles(RING).sign(ROW)) is None


@settings(deadline=None)
@given(row=st.uuids(), generation=st.integers(min_value=0, max_value=65_535))
def test_a_mail_token_names_its_registration_and_generation(row: UUID, generation: int) -> None:
    """A mail that goes out twice carries the same link."""
    challenges = Challenges(RING)
    token = challenges.email_token(row, generation)

    assert EmailToken(row, generation) == challenges.read_email_token(token)
    assert token == challenges.email_token(row, generation)
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{{Challenges.TOKEN_LENGTH}}}", token)


@pytest.mark.parametrize("row", [ROW, UUID(int=0), UUID(int=2**128 - 1), UUID(bytes=b"\xfb\xef\xbe" * 5 + b"\xff")])
def test_no_one_character_change_of_a_mail_token_is_recognised(row: UUID) -> None:
    """A link has one spelling, to its last character."""
    challenges = Challenges(RING)
    changes = neighbours(challenges.email_token(row, 1))

    assert [changed for changed in changes if challenges.read_email_token(changed) is not None] == []


def test_a_mail_token_of_another_length_is_not_recognised() -> None:
    """Neither cut nor lengthened, as mail programs do at a line's end."""
    challenges = Challenges(RING)
    changes = lengths(challenges.email_token(ROW, 1))

    assert [changed for changed in changes if challenges.read_email_token(changed) is not None] == []


@settings(deadline=None, max_examples=300)
@given(text=st.text(min_size=68, max_size=68) | st.text(alphabet=CHARACTERS, min_size=68, max_size=68) | st.text())
def test_no_text_makes_a_mail_token_fail_otherwise_than_by_none(text: str) -> None:
    """Whatever stands in the address, the answer is the same."""
    assert Challenges(RING).read_email_token(text) is None


def test_a_mail_token_of_another_ring_is_not_recognised() -> None:
    """A stolen database cannot make links: the key is not in it."""
    assert Challenges(KeyRing.generate()).read_email_token(Challenges(RING).email_token(ROW, 1)) is None


def test_another_generation_or_registration_has_another_secret() -> None:
    """Knowing one link says nothing of the next."""
    challenges = Challenges(RING)
    tokens = [challenges.email_token(row, generation) for row in (ROW, uuid4()) for generation in range(1, 50)]
    secrets = {token[24:] for token in tokens}

    assert len(tokens) == len(secrets)


@settings(deadline=None)
@given(row=st.uuids(), generation=st.integers(min_value=1, max_value=100))
def test_a_phone_code_is_six_digits(row: UUID, generation: int) -> None:
    """Leading zeros included, and the same whenever it is asked for."""
    code = Challenges(RING).phone_code(row, generation)

    assert re.fullmatch(r"\A[0-9]{6}\Z", code)
    assert code == Challenges(RING).phone_code(row, generation)


def test_phone_codes_change_with_generation_registration_and_ring() -> None:
    """Hundreds of codes are hardly ever the same."""
    challenges, others = Challenges(RING), Challenges(KeyRing.generate())
    codes = [made.phone_code(row, n) for made in (challenges, others) for row in (ROW, UUID(int=1)) for n in range(50)]

    assert len(set(codes)) > 190


def test_mail_and_phone_have_keys_of_their_own() -> None:
    """A phone code follows from no mail link."""
    challenges = Challenges(RING)
    keys = list(vars(challenges)["_keys"].values())

    assert len(set(keys)) == 2
