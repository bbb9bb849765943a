import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration import nik
from registration.applicant import Submission, examine
from registration.nik import Sex
from simulators.people import Person, index_of, make_person

SEED = 2020
MANY = 20_000


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [make_person(SEED, index) for index in range(MANY)]


def submission(person: Person) -> Submission:
    return Submission(
        name=person.name,
        birth_place=person.birth_place,
        birth_date=person.birth_date.isoformat(),
        nik=person.nik,
        email=person.email,
        phone=person.phone,
    )


@given(seed=st.integers(), index=st.integers(min_value=0, max_value=10**9))
def test_a_seed_and_an_index_always_give_the_same_person(seed: int, index: int) -> None:
    """Processes that share a seed agree on every person without talking."""
    assert make_person(seed, index) == make_person(seed, index)


@given(seed=st.integers(), index=st.integers(min_value=0, max_value=10**9))
def test_a_nik_leads_back_to_the_index(seed: int, index: int) -> None:
    """The ministry needs no list of a population to know who is in it."""
    assert index == index_of(seed, make_person(seed, index).nik)


@pytest.mark.parametrize("text", ["", "317401", "0000000000000000", "3174013102900001", "9999010102900001"])
def test_a_nik_that_nobody_can_have_leads_nowhere(text: str) -> None:
    """Malformed numbers, impossible dates and unknown regions belong to nobody of a population."""
    assert index_of(SEED, text) is None


@pytest.mark.parametrize("tail", ["0101650001", "0201080001", "0101909000", "0101909404"])
def test_a_nik_out_of_the_population_s_range_is_nobody_s(tail: str) -> None:
    """A birth date or a serial that no made-up person has is not mistaken for somebody's else."""
    assert index_of(SEED, f"317401{tail}") is None


def test_people_differ_in_nik_mail_and_phone(people: list[Person]) -> None:
    """No two indexes of a population collide in what must be unique."""
    for field in ("nik", "email", "phone"):
        assert len({getattr(person, field) for person in people}) == MANY, field


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 12, 31)])
def test_the_front_door_accepts_everyone_as_they_are(people: list[Person], today: date) -> None:
    """All are adults with valid fields in normal form, and their NIK contradicts nothing."""
    for person in people[:2000]:
        applicant = examine(submission(person), today=today)
        assert submission(person) == Submission(
            name=applicant.name,
            birth_place=applicant.birth_place,
            birth_date=applicant.birth_date.isoformat(),
            nik=applicant.nik,
            email=applicant.email,
            phone=applicant.phone,
        )


def test_nobody_is_older_than_sixty_in_2026(people: list[Person]) -> None:
    """Ages stay between 18 and 60 the whole year."""
    assert min(person.birth_date for person in people) >= date(1966, 1, 1)
    assert max(person.birth_date for person in people) <= date(2008, 1, 1)


def test_nobody_meets_a_special_case_of_a_stand_in(people: list[Person]) -> None:
    """Serials stay below 9000, numbers are reachable, and addresses neither bounce nor are greylisted."""
    for person in people:
        assert 1 <= nik.parse(person.nik).serial <= 8999
        assert re.fullmatch(r"\+628[0-9]{8,10}", person.phone)
        assert not person.phone.endswith("0000")
        assert re.fullmatch(r"[a-z.]+[0-9]+@[a-z]+\.example", person.email)
        assert person.email.rpartition("@")[2] not in {"bounce.example", "greylist.example"}


def test_a_nik_tells_region_and_sex_truly(people: list[Person]) -> None:
    """A NIK comes from a real regency and carries its owner's sex."""
    for person in people[:2000]:
        number = nik.parse(person.nik)
        assert number.regency_name is not None
        assert person.sex is number.sex


def test_a_population_is_mixed(people: list[Person]) -> None:
    """Both sexes, names of one word and of several, and many places are met."""
    assert set(Sex) == {person.sex for person in people}
    words = {len(person.name.split()) for person in people}
    assert {1, 2, 3} <= words
    assert len({person.birth_place for person in people}) > 300
