from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.applicants import Applicant, draw
from loadtest.personas import DECK_SIZE, PERSONAS, End, Persona
from registration import nik
from registration.applicant import Submission, examine
from registration.checks import Overall
from registration.errors import FieldError, Rejected

SEED = 2020
TODAY = date(2026, 11, 1)
MANY = 20 * DECK_SIZE


@pytest.fixture(scope="module")
def applicants() -> list[Applicant]:
    return list(draw(SEED, MANY))


def refused_for(submission: Submission) -> frozenset[FieldError]:
    try:
        examine(submission, today=TODAY)
    except Rejected as error:
        return frozenset(error.fields)
    return frozenset()


def test_every_deck_holds_each_persona_as_often_as_the_table_says(applicants: list[Applicant]) -> None:
    """Even a small run meets everybody, and the shares are exact."""
    expected = {persona.name: persona.parts for persona in PERSONAS}
    for start in range(0, MANY, DECK_SIZE):
        assert Counter(found.persona.name for found in applicants[start : start + DECK_SIZE]) == expected


def test_honest_applicants_are_the_majority() -> None:
    """A trial looks like life: most people have no trouble."""
    assert next(persona.parts for persona in PERSONAS if persona.name == "honest") > DECK_SIZE / 2


def test_names_of_personas_are_unique() -> None:
    """The report counts by name."""
    assert len({persona.name for persona in PERSONAS}) == len(PERSONAS)


@given(seed=st.integers(min_value=0, max_value=2**32), count=st.integers(min_value=0, max_value=2 * DECK_SIZE))
def test_a_seed_always_gives_the_same_applicants(seed: int, count: int) -> None:
    """A run can be repeated, and a longer one begins with the same people."""
    assert list(draw(seed, count)) == list(draw(seed, 2 * DECK_SIZE))[:count]


def test_the_front_door_takes_what_is_sent_in_the_end(applicants: list[Applicant]) -> None:
    """Nobody is stopped by a field that they cannot mend."""
    assert {found.persona.name for found in applicants if refused_for(found.truth)} == set()


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_a_slip_is_refused_for_exactly_what_the_table_says(applicants: list[Applicant], persona: Persona) -> None:
    """The table is written by hand, the domain's own examination agrees."""
    mine = [found for found in applicants if found.persona == persona]
    assert [refused_for(found.first) for found in mine] == [persona.refused_for] * len(mine)
    assert (persona.slip is None) == (persona.refused_for == frozenset())


def test_niks_are_shared_only_by_pairs_who_say_so(applicants: list[Applicant]) -> None:
    """Two people with one NIK are two people, and nobody else gets in their way."""
    by_nik: dict[str, list[Applicant]] = {}
    for found in applicants:
        by_nik.setdefault(found.truth.nik, []).append(found)
    pairs = [sharing for sharing in by_nik.values() if len(sharing) > 1]
    assert sum(map(len, pairs)) == sum(found.persona.shares_a_nik for found in applicants)
    for one, other in pairs:
        assert one.nik_owner == other.nik_owner == one.index
        assert one.truth.birth_date == other.truth.birth_date
        assert one.truth.email != other.truth.email
        assert one.truth.phone != other.truth.phone


def test_special_serials_belong_to_the_personas_of_the_registry(applicants: list[Applicant]) -> None:
    """An honest applicant never meets a special case of either registry's stand-in."""
    special = {found.persona.name for found in applicants if nik.parse(found.truth.nik).serial >= 9000}
    assert special == {
        *("wrong name", "wrong birth date", "wrong birth place", "inactive", "not found", "found late"),
        *("html page", "http 500", "quota text", "no answer", "student", "left school"),
    }


def test_addresses_are_new_with_every_seed(applicants: list[Applicant]) -> None:
    """Mail of an earlier run is never taken for this one's."""
    others = draw(SEED + 1, MANY)
    assert not {found.truth.email for found in applicants} & {found.truth.email for found in others}
    assert len({found.truth.email for found in applicants}) == MANY


def test_keys_are_idempotency_keys_of_the_contract(applicants: list[Applicant]) -> None:
    """8 to 128 visible ASCII characters, and another for each submission."""
    keys = {found.key(number) for found in applicants for number in (1, 2)}
    assert len(keys) == 2 * MANY
    assert all(8 <= len(key) <= 128 and key.isascii() and key.isprintable() and " " not in key for key in keys)


@pytest.mark.parametrize(
    ("end", "overall", "words"),
    [
        (End(), Overall.COMPLETE, "complete"),
        (End(nik="delayed"), Overall.OPEN, "open: nik delayed"),
        (
            End(email="sent", phone="phone_unreachable"),
            Overall.REJECTED,
            "rejected: e-mail sent, phone phone_unreachable",
        ),
    ],
)
def test_an_end_follows_from_its_checks(end: End, overall: Overall, words: str) -> None:
    """The trial has its own idea of the contract's overall state."""
    assert end.overall is overall
    assert str(end) == words
