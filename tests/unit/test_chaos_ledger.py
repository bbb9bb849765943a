"""The ledger of a fault run finds what is wrong in any of its books: a check that cannot fail proves nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from loadtest.applicants import honest
from loadtest.chaos.faults import Finding
from loadtest.chaos.journal import MoveCount
from loadtest.chaos.ledger import Books, Row, Senders, Tolerance, judge
from registration.checks import Kind

SEED = 5
PEOPLE = [(UUID(int=index), honest(SEED, index).truth) for index in range(10)]
FIRST, PERSON = PEOPLE[0]
MAIL, PHONE = PERSON.email.casefold(), PERSON.phone.removeprefix("+")
VERIFY = MoveCount("nik", "pending", "verified", 1, "", 10)
SEND = MoveCount("email", "pending", "sent", 1, "", 10)


def sound() -> Books:
    """Ten people whose NIK is verified and whose mail and code are out."""
    return Books(
        rows={registration_id: Row("verified", "sent", "sent") for registration_id, _ in PEOPLE},
        discrepancies={"contradiction": 0},
        dead_letters={},
        moves=[VERIFY, SEND],
        doubles=0,
        again={},
        ministry={person.nik: 1 for _, person in PEOPLE},
        ministry_total=10,
        ministry_peak_per_second=10,
        ministry_peak_concurrency=2,
        mails={person.email.casefold(): 1 for _, person in PEOPLE},
        text_messages={person.phone.removeprefix("+"): 1 for _, person in PEOPLE},
    )


def broken(books: Books, tolerance: Tolerance | None = None) -> Sequence[Finding]:
    findings = judge(books, PEOPLE, tolerance or Tolerance())
    return [finding for finding in findings if finding.holds is False]


def test_sound_books_hold() -> None:
    """Nothing is found where nothing is wrong, and the bound on what was not seen is told with its N."""
    assert broken(sound()) == []
    lost = judge(sound(), PEOPLE, Tolerance())[0]
    assert lost.figure == "0 of 10, below 3.0e-01 with 95 % confidence"


def without(books: dict[Any, Any], key: object) -> dict[Any, Any]:
    return {name: value for name, value in books.items() if name != key}


@pytest.mark.parametrize(
    ("invariant", "changes"),
    [
        ("I1", {"rows": without(dict(sound().rows), FIRST)}),
        ("I1", {"rows": {**sound().rows, FIRST: Row("pending", "sent", "sent")}}),
        ("I1", {"rows": {**sound().rows, FIRST: Row("verified", "delayed", "sent")}}),
        ("I1", {"dead_letters": {"nik poison": 1}}),
        ("I4", {"doubles": 1}),
        ("I4", {"moves": [msgspec.structs.replace(VERIFY, source="verified", target="delayed")]}),
        ("I4", {"moves": [msgspec.structs.replace(VERIFY, steps=2)]}),
        ("I4", {"mails": without(dict(sound().mails), MAIL)}),
        ("I4", {"text_messages": without(dict(sound().text_messages), PHONE)}),
        ("I4", {"mails": {**sound().mails, MAIL: 2}}),
        ("I16", {"ministry": without(dict(sound().ministry), PERSON.nik), "ministry_total": 9}),
        ("I16", {"rows": {**sound().rows, FIRST: Row("rejected", "sent", "sent")}}),
        ("I17", {"discrepancies": {"contradiction": 3}}),
    ],
)
def test_each_book_that_was_falsified_is_found(invariant: str, changes: dict[str, Any]) -> None:
    """One thing wrong in one book is exactly one finding, under its invariant."""
    assert [finding.invariant for finding in broken(msgspec.structs.replace(sound(), **changes))] == [invariant]


def test_a_harmed_sender_excuses_one_double_to_each_person() -> None:
    """A kill may double what the sender had in the act, never twice."""
    twice = msgspec.structs.replace(sound(), mails={**sound().mails, MAIL: 2})
    assert broken(twice, harmed(Kind.EMAIL)) == []
    thrice = msgspec.structs.replace(sound(), mails={**sound().mails, MAIL: 3})
    assert [finding.invariant for finding in broken(thrice, harmed(Kind.EMAIL))] == ["I4"]


def test_the_harm_of_those_who_send_codes_excuses_no_mail() -> None:
    """Each kind for itself."""
    twice = msgspec.structs.replace(sound(), mails={**sound().mails, MAIL: 2})
    assert [finding.invariant for finding in broken(twice, harmed(Kind.PHONE))] == ["I4"]


def test_a_harmed_sender_excuses_no_more_than_it_can_have_in_the_act() -> None:
    """Ten doubles are too many for a sender of nine at once."""
    all_twice = msgspec.structs.replace(sound(), mails=dict.fromkeys(sound().mails, 2))
    assert broken(all_twice, harmed(Kind.EMAIL, at_once=10)) == []
    assert [finding.invariant for finding in broken(all_twice, harmed(Kind.EMAIL, at_once=9))] == ["I4"]


def harmed(kind: Kind, *, at_once: int = 64) -> Tolerance:
    """One sender of this kind was killed."""
    return Tolerance(senders={kind: Senders(harmed=1, at_once=at_once)})


def test_a_mail_that_was_asked_for_again_is_no_double() -> None:
    """Who asks for a second link gets a second mail."""
    asked = msgspec.structs.replace(sound(), mails={**sound().mails, MAIL: 2}, again={(FIRST.hex, "email"): 2})
    assert broken(asked) == []


def test_what_a_drill_poisoned_is_set_aside_and_nothing_else() -> None:
    """One dead letter is the drill's own, two are one too many."""
    tolerance = Tolerance(set_aside=frozenset({FIRST}))
    delayed = {**sound().rows, FIRST: Row("delayed", "sent", "sent")}
    one = msgspec.structs.replace(sound(), rows=delayed, dead_letters={"nik poison": 1})
    assert broken(one, tolerance) == []
    two = msgspec.structs.replace(one, dead_letters={"nik poison": 2})
    assert [finding.invariant for finding in broken(two, tolerance)] == ["I1"]


def test_calls_that_were_made_again_and_again_are_found() -> None:
    """Retries have a budget: one call in ten more than there are people to ask about."""
    assert broken(msgspec.structs.replace(sound(), ministry_total=11)) == []
    assert [finding.invariant for finding in broken(msgspec.structs.replace(sound(), ministry_total=12))] == ["I7"]


def test_what_a_network_bunches_up_is_no_breach() -> None:
    """Calls that were held back and let go at once count in one second, though they were not sent in one."""
    tolerance = Tolerance(rate_ceiling=8, bunched=2)
    assert broken(sound(), tolerance) == []
    assert [finding.invariant for finding in broken(sound(), msgspec.structs.replace(tolerance, bunched=1))] == ["I7"]


@pytest.mark.parametrize(("rate", "concurrency"), [(9, 2), (10, 1)])
def test_a_ceiling_that_was_passed_is_found(rate: int, concurrency: int) -> None:
    """The ministry's own peaks against what the workers were allowed."""
    tolerance = Tolerance(rate_ceiling=rate, concurrency_ceiling=concurrency)
    assert [finding.invariant for finding in broken(sound(), tolerance)] == ["I7"]


def test_a_nik_outrun_in_the_moment_it_is_verified_is_a_legal_move() -> None:
    """Two steps in one write, as the trigger that finds the owner makes them."""
    outrun = MoveCount("nik", "pending", "rejected", 2, "nik_already_registered", 1)
    assert outrun.is_legal
    assert not msgspec.structs.replace(outrun, reason="name_mismatch").is_legal
