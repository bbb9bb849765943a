"""The applicant's fields: every wrong one named at once, the rest normalised, and nothing else ever raised."""

import json
import unicodedata
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registration import applicant
from registration.applicant import CONFIRMABLE, FIELDS, Applicant, Submission, examine, parse
from registration.errors import FieldError, Rejected
from simulators.people import make_person

TODAY = date(2026, 11, 24)
GOOD = Submission(
    name="Siti Nurhaliza",
    birth_place="Jakarta Selatan",
    birth_date="1990-02-03",
    nik="3174014302900001",
    email="siti@mail.example",
    phone="+6281234567890",
)
MADE_UP_PEOPLE = 5_000
# What ends a line in some program or other, or a string in C.
BREAKS = ("\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


def changed(**fields: object) -> Submission:
    return msgspec.structs.replace(GOOD, **fields)


def codes(submission: Submission, *, today: date = TODAY) -> list[tuple[str, str]]:
    """What is wrong with a submission; empty when it passes."""
    try:
        examine(submission, today=today)
    except Rejected as error:
        return [(field.field, field.code) for field in error.fields] or [("nothing", error.code)]
    return []


def refusal(body: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse(body)
    return caught.value


# Every wrong field


def test_all_wrong_fields_are_named_at_once_in_the_order_of_the_form() -> None:
    """Nobody mends one error to be shown the next."""
    wrong = Submission(name="1", birth_place="!", birth_date="?", nik="x", email="x", phone="x")

    assert [(field, f"{field}_format") for field in FIELDS] == codes(wrong)


@pytest.mark.parametrize("blank", ["", " ", "   ", "\t", "\u00a0", "\n"])
def test_a_field_left_out_or_blank_is_required(blank: str) -> None:
    """Blank is not a format: each field says that it is required."""
    assert [(field, "required") for field in FIELDS] == codes(changed(**dict.fromkeys(FIELDS, blank)))


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *(("name", value, "name_format") for value in ("Siti 2", "-Siti", "Siti_N", "Siti@N", "S\u200bti", "x" * 101)),
        *(("birth_place", value, "birth_place_format") for value in ("1 Jakarta", "Jakarta!", "J;", "x" * 101)),
        *(
            ("birth_date", value, "birth_date_format")
            for value in (
                "03-02-1990",
                "1990-2-3",
                "19900203",
                "1990-02-30",
                "1990-13-01",
                "0000-01-01",
                "1990-W05-6",
                "١٩٩٠-٠٢-٠٣",
                "1990-02-03T00:00",
            )
        ),
        *(("nik", value, "nik_format") for value in ("317401", "31740143029000011", "3174014302900000", "3174-0143")),
        *(
            ("email", value, "email_format")
            for value in (
                "siti",
                "@mail.example",
                "siti@",
                "siti@mail",
                "siti@@mail.example",
                "si ti@mail.example",
                ".siti@mail.example",
                "siti.@mail.example",
                "si..ti@mail.example",
                "siti@-mail.example",
                "siti@mail-.example",
                "siti@mail.example.",
                "siti@mail..example",
                "siti@mail.1",
                "siti@127.0.0.1",
                "siti@[127.0.0.1]",
                "Siti <siti@mail.example>",
                '"siti"@mail.example',
                "siti@mail.example,budi@mail.example",
                "sïti@mail.example",
                f"{'x' * 65}@mail.example",
                f"siti@{'x' * 64}.example",
                f"siti@{'x.' * 125}example",
            )
        ),
        *(
            ("phone", value, "phone_format")
            for value in (
                "0217654321",
                "+6221765432",
                "080123456789",
                "+1 202 555 0100",
                "0812345678901234",
                "0812345",
                "62 0812345678",
                "+62+81234567890",
                "٠٨١٢٣٤٥٦٧٨٩٠",
                "0812/34567890",
            )
        ),
    ],
)
def test_each_wrong_form_has_its_own_code(field: str, value: str, code: str) -> None:
    """One field wrong: exactly that one is named, by its code."""
    assert [(field, code)] == codes(changed(**{field: value}))


# Age


@pytest.mark.parametrize(
    ("birth_date", "expected"),
    [
        ("2008-11-24", []),
        ("2008-11-25", ["under_age"]),
        ("2026-11-24", ["under_age"]),
        ("2026-11-25", ["birth_date_format"]),
        ("9999-12-31", ["birth_date_format"]),
        ("1905-11-25", []),
        ("1905-11-24", ["birth_date_format"]),
        ("0001-01-01", ["birth_date_format"]),
    ],
)
def test_age_counts_from_the_birthday_itself(birth_date: str, expected: list[str]) -> None:
    """18 from the birthday on; a future date or 121 years are no dates of birth."""
    submission = changed(birth_date=birth_date, confirm=tuple(CONFIRMABLE))

    assert [("birth_date", code) for code in expected] == codes(submission)


@pytest.mark.parametrize(("today", "of_age"), [(date(2026, 2, 28), False), (date(2026, 3, 1), True)])
def test_who_was_born_on_a_leap_day_comes_of_age_in_march(today: date, *, of_age: bool) -> None:
    """29 February 2008 is not yet 18 years ago on 28 February 2026."""
    submission = changed(birth_date="2008-02-29", confirm=tuple(CONFIRMABLE))

    assert of_age == (codes(submission, today=today) == [])


# Doubts


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"birth_date": "1990-02-04"}, "nik_birth_date_mismatch"),
        ({"nik": "3199014302900001"}, "nik_unknown_region"),
    ],
)
def test_a_doubt_goes_away_when_it_is_confirmed(fields: dict[str, str], code: str) -> None:
    """What a NIK says can be out of date: the applicant looks again and confirms."""
    assert [("nik", code)] == codes(changed(**fields))
    assert codes(changed(**fields, confirm=(code,))) == []


def test_both_doubts_are_told_at_once_and_confirmed_one_by_one() -> None:
    """Confirming one doubt does not confirm the other."""
    fields = {"birth_date": "1990-02-04", "nik": "3199014302900001"}

    assert codes(changed(**fields)) == [("nik", "nik_birth_date_mismatch"), ("nik", "nik_unknown_region")]
    assert codes(changed(**fields, confirm=("nik_birth_date_mismatch",))) == [("nik", "nik_unknown_region")]
    assert codes(changed(**fields, confirm=tuple(CONFIRMABLE))) == []


def test_confirming_makes_nothing_else_go_away() -> None:
    """Only the two doubts can be confirmed: naming other codes mends no field."""
    wrong = Submission(name="1", birth_place="!", birth_date="2020-02-03", nik="x", email="x", phone="x")
    everything = ("required", "under_age", "type", *(f"{field}_format" for field in FIELDS), *CONFIRMABLE)

    assert codes(wrong) == codes(msgspec.structs.replace(wrong, confirm=everything))


def test_a_birth_date_that_is_wrong_itself_is_not_compared() -> None:
    """There is one thing to mend, so one thing is said."""
    assert codes(changed(birth_date="2015-01-01")) == [("birth_date", "under_age")]


# Normalisation


def test_a_clean_submission_comes_out_as_it_went_in() -> None:
    """Nothing is changed that need not be."""
    assert examine(GOOD, today=TODAY) == Applicant(
        name="Siti Nurhaliza",
        birth_place="Jakarta Selatan",
        birth_date=date(1990, 2, 3),
        nik="3174014302900001",
        email="siti@mail.example",
        phone="+6281234567890",
    )


@pytest.mark.parametrize(
    ("field", "written", "kept"),
    [
        ("name", "  Siti   Nurhaliza ", "Siti Nurhaliza"),
        ("name", "Andre\u0301", "Andr\u00e9"),
        ("name", "Ma'ruf Amin, S.Ag.", "Ma'ruf Amin, S.Ag."),
        ("name", "Y", "Y"),
        ("name", "x" * 100, "x" * 100),
        ("birth_place", " Jakarta  (Pusat) 2 ", "Jakarta (Pusat) 2"),
        ("nik", " 3174 0143 0290 0001 ", "3174014302900001"),
        ("email", " Siti.N+1@Mail.EXAMPLE ", "Siti.N+1@mail.example"),
        ("phone", "081234567890", "+6281234567890"),
        ("phone", "6281234567890", "+6281234567890"),
        ("phone", "+62 812-3456-7890", "+6281234567890"),
        ("phone", "(0812) 3456.7890", "+6281234567890"),
        ("phone", "0812345678", "+62812345678"),
        ("phone", "0812345678901", "+62812345678901"),
    ],
)
def test_the_same_thing_written_differently_is_kept_in_one_way(field: str, written: str, kept: str) -> None:
    """NFC, single spaces, phone as +628…, the e-mail domain in lower case and its local part as it is."""
    assert kept == getattr(examine(changed(**{field: written}), today=TODAY), field)


# Any text at all

TEXTS = st.text(max_size=40) | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Zl", "Zp", "Nd", "Lu"]))
NEARLY = st.sampled_from(
    [getattr(GOOD, field) for field in FIELDS] + ["2010-01-01", "0812 3456 7890", "3199014302900001"]
)
FIELD_VALUES = TEXTS | NEARLY | st.tuples(NEARLY, TEXTS).map("".join) | st.tuples(TEXTS, NEARLY).map("".join)
SUBMISSIONS = st.builds(
    Submission,
    **dict.fromkeys(FIELDS, FIELD_VALUES),
    confirm=st.lists(st.sampled_from(sorted(CONFIRMABLE)) | TEXTS, max_size=3).map(tuple),
)


@settings(deadline=None, max_examples=300)
@given(submission=SUBMISSIONS, today=st.dates())
def test_no_text_makes_it_fail_otherwise_than_by_refusing(submission: Submission, today: date) -> None:
    """Whatever is typed leads to an applicant, or to fields to mend that have an order and known names."""
    found = codes(submission, today=today)

    assert found == sorted(found, key=lambda pair: FIELDS.index(pair[0]))


@settings(deadline=None, max_examples=300)
@given(
    field=st.sampled_from(FIELDS),
    cut=st.integers(min_value=0, max_value=30),
    line_break=st.sampled_from(BREAKS),
)
def test_no_line_break_survives_into_an_applicant(field: str, cut: int, line_break: str) -> None:
    """Wherever a line break or NUL is put, it is refused, or lay at an edge and is gone: no header can be injected."""
    text = getattr(GOOD, field)
    submission = changed(**{field: text[:cut] + line_break + text[cut:]})
    try:
        person = examine(submission, today=TODAY)
    except Rejected:
        return
    written = "".join(str(getattr(person, name)) for name in FIELDS)
    assert not any(character in written for breaks in BREAKS for character in breaks)
    assert written.isprintable()


@settings(deadline=None, max_examples=300)
@given(name=st.text(min_size=1, max_size=30), place=st.text(min_size=1, max_size=30))
@example(name="Andre\u0301", place="A\u030a")
def test_what_is_kept_is_composed_and_printable(name: str, place: str) -> None:
    """Names and places are NFC, without control characters, and examined again they stay the same."""
    submission = changed(name=name, birth_place=place)
    try:
        person = examine(submission, today=TODAY)
    except Rejected:
        return
    for text in (person.name, person.birth_place):
        assert unicodedata.is_normalized("NFC", text)
        assert text.isprintable()
    again = changed(name=person.name, birth_place=person.birth_place)
    assert person == examine(again, today=TODAY)


def test_every_made_up_person_passes() -> None:
    """The rules refuse none of the names, places and numbers that a population has."""
    for index in range(MADE_UP_PEOPLE):
        person = make_person(7, index)
        submission = Submission(
            name=person.name,
            birth_place=person.birth_place,
            birth_date=person.birth_date.isoformat(),
            nik=person.nik,
            email=person.email,
            phone=person.phone,
        )
        assert codes(submission) == [], index


# JSON


def test_a_submission_is_read_from_json_and_other_members_are_ignored() -> None:
    """A client may send more than we know."""
    body = msgspec.json.encode({**msgspec.to_builtins(GOOD), "confirm": ["nik_unknown_region"], "extra": {"a": [1]}})

    assert changed(confirm=("nik_unknown_region",)) == parse(body)


def test_missing_members_are_empty_texts() -> None:
    """What is missing is told with everything else that is wrong, by `examine`."""
    assert Submission() == parse(b"{}")


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"name": "Siti"',
        b'{"name": "Siti",}',
        b"{'name': 'Siti'}",
        b'{"name": "Siti"} x',
        b"null",
        b"true",
        b"1",
        b'"Siti"',
        b"[]",
        b'[{"name": "Siti"}]',
        b"NaN",
        b'{"x": NaN}',
        b'{"x": Infinity}',
        b'{"name": NaN}',
        b'{"name": "\xff"}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"name": "\\ud800"}',
        b'{"name": "a\nb"}',
        b'{"x": ' + DEEP + b"}",
        b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        DEEP,
        # A wrong type first, and broken behind it.
        b'{"name": 1,',
        b'{"name": 1, "x": NaN}',
        b'{"name": 1, "x": "\xff"}',
        b'{"name": 1, "x": ' + DEEP,
        b'{"name": 1' + b"0" * 5_000 + b"}",
        b'{"name": 1, "name": "Siti"}',
    ],
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    """Broken, nested without end, not UTF-8, not an object: one code, and never another exception."""
    error = refusal(body)

    assert (error.code, error.fields) == ("json_malformed", ())


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["Siti"], {"a": 1}])
def test_every_field_of_a_wrong_type_is_named(value: object) -> None:
    """All of them at once, in the order of the form."""
    error = refusal(json.dumps({**dict.fromkeys(FIELDS, value), "confirm": "x"}).encode())

    assert error.code == "fields_wrong"
    assert (*(FieldError(field, "type") for field in FIELDS), FieldError("confirm", "type")) == error.fields


@pytest.mark.parametrize("value", ["x", 1, None, {"a": 1}, [1], ["nik_unknown_region", None]])
def test_a_confirmation_that_is_no_list_of_texts_is_named(value: object) -> None:
    """Only what is wrong is named."""
    error = refusal(json.dumps({"name": "Siti", "confirm": value}).encode())

    assert (FieldError("confirm", "type"),) == error.fields


def test_the_last_of_two_members_of_one_name_counts() -> None:
    """As everywhere in JSON; what is stored is what was examined."""
    assert changed(name="Budi") == parse(msgspec.json.encode(GOOD)[:-1] + b', "name": "Budi"}')


@settings(deadline=None, max_examples=300)
@given(
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from([*FIELDS, "confirm", "x"]) | st.text(max_size=5), inner, max_size=8)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    end=st.integers(min_value=0, max_value=200),
)
def test_no_body_makes_reading_fail_otherwise_than_by_refusing(body: bytes, end: int) -> None:
    """Any bytes, any JSON, cut anywhere: a submission, or a refusal that says why."""
    try:
        submission = parse(body[:end])
    except Rejected as error:
        refused = error
    else:
        assert isinstance(submission, Submission)
        return
    assert refused.code in {"json_malformed", "fields_wrong"}
    assert bool(refused.fields) == (refused.code == "fields_wrong")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1990-02-03", date(1990, 2, 3)), (" 1990-02-03 ", date(1990, 2, 3)), ("x", None), ("", None)],
)
def test_a_birth_date_is_read_where_there_is_one(text: str, expected: date | None) -> None:
    """For saying what a NIK means beside it, whatever else is wrong."""
    assert expected == applicant.birth_date_or_none(changed(birth_date=text))


def test_the_age_limit_moves_with_the_day() -> None:
    """Who is too young today passes on the birthday."""
    submission = changed(birth_date="2008-11-25", confirm=tuple(CONFIRMABLE))

    assert codes(submission) == [("birth_date", "under_age")]
    assert codes(submission, today=TODAY + timedelta(days=1)) == []
