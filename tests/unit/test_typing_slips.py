"""Slips of the thumb in a thousand applicants: what contradicts itself is shown, and nobody valid is refused."""

from datetime import date, timedelta

import pytest

from ingest.pages import nik_in_words
from registration import applicant, mail_domains, nik
from registration.applicant import Submission
from registration.errors import Rejected
from registration.regions import regencies
from simulators.people import Person, make_person
from tests.slips import SLIPS, Slip, contradictions, slips

TODAY = date(2026, 11, 24)
SEED = 20200411
COUNT = 1_000
# On no list of today, still on many a card: East Timor, Tangerang before Banten, Papua before its division in 2022.
OLD_CODES = ("5401", "3219", "9101", "9104", "9112")


def submission(person: Person, **changes: str) -> Submission:
    fields = {name: str(getattr(person, name)) for name in applicant.FIELDS}
    return Submission(**{**fields, **changes})  # type: ignore[arg-type]  # `confirm` is none of them


def shown(given: Submission) -> set[str]:
    """What the front door says before anything is stored."""
    try:
        applicant.examine(given, today=TODAY)
    except Rejected as error:
        return {field.code for field in error.fields}
    return set()


def test_of_a_thousand_valid_applicants_none_is_refused() -> None:
    """Nor doubted, nor asked about their mail domain."""
    for index in range(COUNT):
        person = make_person(SEED, index)
        assert shown(submission(person)) == set()
        assert mail_domains.suggestion(person.email) is None


@pytest.mark.parametrize("code", OLD_CODES)
def test_an_old_region_code_is_asked_about_and_taken(code: str) -> None:
    """A warning, never a refusal."""
    for index in range(COUNT // 10):
        person = make_person(SEED, index)
        old = submission(person, nik=f"{code}{person.nik[4:]}")
        assert code not in regencies()
        assert shown(old) == {"nik_unknown_region"}
        confirmed = Submission(**{**fields_of(old), "confirm": ("nik_unknown_region",)})  # type: ignore[arg-type]
        assert shown(confirmed) == set()


def test_every_slip_that_contradicts_is_shown() -> None:
    """100 % of structural errors and contradictions; of each kind of slip there are enough to tell."""
    seen = dict.fromkeys(SLIPS, 0)
    for slip in slips(SEED, COUNT):
        expected = contradictions(slip)
        assert expected <= shown(submission(slip.person, nik=slip.nik, birth_date=slip.birth_date)), slip
        if mail_slip := slip.email != slip.person.email:
            assert mail_domains.suggestion(slip.email) == slip.meant, slip
        seen[slip.kind] += bool(expected or mail_slip)
    assert seen["digit missing"] == seen["mail domain"] == COUNT // len(SLIPS)
    assert seen["day and month swapped"] == COUNT // len(SLIPS)
    assert seen["digits swapped"] > COUNT // len(SLIPS) // 3


def test_a_wrong_sex_is_read_out() -> None:
    """Nothing contradicts it, since nobody is asked for their sex: but the words under the NIK differ."""
    for slip in slips(SEED, COUNT):
        if slip.kind == "wrong sex":
            told, true = (
                nik_in_words(nik.parse(text), slip.person.birth_date, "id") for text in (slip.nik, slip.person.nik)
            )
            assert told != true


def fields_of(given: Submission) -> dict[str, str]:
    return {name: getattr(given, name) for name in applicant.FIELDS}


def test_the_judge_is_no_copy_of_the_judged() -> None:
    """The slips are judged by the card's rules spelt out, which agree with what a person sees on known cases."""
    person = make_person(SEED, 0)
    right = person.birth_date.isoformat()
    day = Slip("x", person, person.nik, (person.birth_date + timedelta(days=1)).isoformat(), person.email, "")
    assert contradictions(day) == {"nik_birth_date_mismatch"}
    assert contradictions(Slip("x", person, person.nik[:15], right, person.email, "")) == {"nik_format"}
    assert contradictions(Slip("x", person, "99" + person.nik[2:], right, person.email, "")) == {"nik_unknown_region"}
    assert contradictions(Slip("x", person, person.nik, right, person.email, "")) == set()
