"""The registry's replies: only an explicit answer rejects a person (I16), everything else is the system's trouble."""

import json
import random
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict
from verify_workers.ministry.wire import REPLY_LIMIT_BYTES, Credentials, Missing, read_reply, request_body

VERIFIED = Verdict(State.VERIFIED)
AGREES = {"NIK": "Sesuai", "NAMA_LGKP": "Sesuai (100)", "TMPT_LHR": "Sesuai (100)", "TGL_LHR": "Sesuai"}
COMPARED = ("NAMA_LGKP", "TMPT_LHR", "TGL_LHR")
FAILURES = (
    ("Kuota Akses Hari ini telah Habis", "ministry_quota"),
    ("Login Gagal", "ministry_login"),
    ("IP Address Tidak Sesuai", "ministry_address"),
    ("IP Client Tidak terdaftar", "ministry_address"),
)
INACTIVE = {"RESPONSE_CODE": "14", "RESPONSE_DESC": "Data Ditemukan, Status Tidak Aktif"}


def page(content: Any) -> bytes:  # noqa: ANN401 - any JSON
    """The envelope around one row."""
    return json.dumps(
        {"content": [content], "lastPage": True, "numberOfElements": 1, "totalElements": 1, "size": 1, "number": 0}
    ).encode()


def cause(status: int, body: bytes, retry_after: str | None = None) -> tuple[str, float | None]:
    """Why a reply was no answer."""
    with pytest.raises(Retryable) as caught:
        read_reply(status, body, retry_after=retry_after)
    return caught.value.cause, caught.value.retry_after_seconds


def capitals(text: str) -> list[str]:
    """The same words as different versions of the registry write them."""
    alternating = "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(text))
    return [text, text.upper(), text.lower(), text.title(), alternating, f"  {text}  ", text.replace(" ", "  ")]


# The question


def test_the_question_is_in_the_registry_s_form() -> None:
    """Capitals, its date format, and its own spelling of the threshold."""
    person = Applicant(
        name="Siti Nurhaliza",
        birth_place="Jakarta Selatan",
        birth_date=date(1990, 2, 3),
        nik="3174014302900001",
        email="siti@mail.example",
        phone="+6281234567890",
    )
    asked = json.loads(request_body(person, Credentials(user="u", password="p", ip="10.0.0.1", threshold=90)))  # noqa: S106 - made up

    assert asked == {
        "NIK": "3174014302900001",
        "NAMA_LGKP": "SITI NURHALIZA",
        "TMPT_LHR": "JAKARTA SELATAN",
        "TGL_LHR": "03-02-1990",
        "USER_ID": "u",
        "PASSWORD": "p",
        "IP_USER": "10.0.0.1",
        "TRESHOLD": "90",
    }


# Explicit answers


@pytest.mark.parametrize("word", ["Sesuai", "SESUAI", "sesuai", " Sesuai ", "Sesuai (100)", "SESUAI (90)"])
@pytest.mark.parametrize("field", COMPARED)
def test_all_fields_agreeing_verify(field: str, word: str) -> None:
    """Plain or scored, in any capitals."""
    assert read_reply(200, page({**AGREES, field: word})) == VERIFIED


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("NAMA_LGKP", Reason.NAME_MISMATCH),
        ("TGL_LHR", Reason.BIRTH_DATE_MISMATCH),
        ("TMPT_LHR", Reason.BIRTH_PLACE_MISMATCH),
    ],
)
@pytest.mark.parametrize("word", [*capitals("Tidak Sesuai"), "Tidak Sesuai (0)", "TIDAK SESUAI (89)"])
def test_a_field_that_does_not_match_rejects_with_its_reason(field: str, reason: Reason, word: str) -> None:
    """The applicant reads which field to mend."""
    assert Verdict(State.REJECTED, reason) == read_reply(200, page({**AGREES, field: word}))


def test_the_name_is_told_first_when_several_do_not_match() -> None:
    """One reason at a time, always the same one."""
    content = {**AGREES, **dict.fromkeys(COMPARED, "Tidak Sesuai")}

    assert Verdict(State.REJECTED, Reason.NAME_MISMATCH) == read_reply(200, page(content))


@pytest.mark.parametrize("code", ["14", 14, " 14 "])
@pytest.mark.parametrize("description", [*capitals(INACTIVE["RESPONSE_DESC"]), "", None])
def test_found_and_inactive_rejects(code: object, description: object) -> None:
    """Code 14, whether it comes as text or as a number."""
    content = {"RESPONSE_CODE": code, "RESPONSE_DESC": description}

    assert Verdict(State.REJECTED, Reason.INACTIVE) == read_reply(200, page(content))


@pytest.mark.parametrize("field", ["RESPON", "RESPONSE_DESC"])
@pytest.mark.parametrize("words", capitals("Data Tidak Ditemukan"))
def test_not_found_is_an_answer_of_its_own(field: str, words: str) -> None:
    """Not final: the registry's copy is synchronised from time to time."""
    assert Missing.NOT_FOUND is read_reply(200, page({field: words}))


# The system's trouble


@pytest.mark.parametrize("field", ["RESPON", "RESPONSE_DESC"])
@pytest.mark.parametrize(("words", "expected"), [(w, c) for text, c in FAILURES for w in capitals(text)])
def test_a_failure_as_text_has_its_cause(field: str, words: str, expected: str) -> None:
    """On-call reads quota, login or address."""
    assert (expected, None) == cause(200, page({field: words}))


@pytest.mark.parametrize(("words", "expected"), FAILURES)
def test_a_failure_outweighs_everything_else_in_the_reply(words: str, expected: str) -> None:
    """An "IP Address Tidak Sesuai" is about us, even beside a code or compared fields."""
    content = {**AGREES, **INACTIVE, **dict.fromkeys(COMPARED, "Tidak Sesuai"), "RESPON": words}

    assert (expected, None) == cause(200, page(content))


@pytest.mark.parametrize("field", COMPARED)
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "-",
        "Ya",
        "Tidak",
        "Sesuaikan",
        "Belum Sesuai",
        "Tidak Sesuai?",
        "Tidak Sesuai (x)",
        1,
        True,
        [],
        {},
        "Sesuai (1000)",
        "Data Tidak Sesuai",
        "IP Address Tidak Sesuai",
        ["Tidak Sesuai"],
        {"a": "Tidak Sesuai"},
    ],
)
def test_a_field_that_was_not_compared_makes_the_reply_unreadable(field: str, value: object) -> None:
    """Also when another field does not match: half a reply is nobody's rejection."""
    others = dict.fromkeys(COMPARED, "Tidak Sesuai")

    assert cause(200, page({**AGREES, field: value})) == ("ministry_unreadable", None)
    assert cause(200, page({**others, field: value})) == ("ministry_unreadable", None)


@pytest.mark.parametrize("field", COMPARED)
def test_a_missing_field_makes_the_reply_unreadable(field: str) -> None:
    """Every field that we asked for must have been compared."""
    content = {name: value for name, value in AGREES.items() if name != field}

    assert cause(200, page(content)) == ("ministry_unreadable", None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"14",
        b'"Tidak Sesuai"',
        b"[]",
        b"{}",
        b'{"content": null}',
        b'{"content": {}}',
        b'{"content": []}',
        b'{"content": "14"}',
        b'{"content": 14}',
        b'{"content": [null]}',
        b'{"content": ["Tidak Sesuai"]}',
        b'{"content": [[{"RESPONSE_CODE": "14"}]]}',
        b'{"content": [14]}',
        b'[{"content": [{"RESPONSE_CODE": "14"}]}]',
        b'{"content": [{"RESPONSE_CODE": NaN}]}',
        b'{"content": [{"RESPONSE_CODE": "14"}]',
        b'{"content": [{"RESPONSE_CODE": "14\xff"}]}',
        b'{"content": [{"RESPONSE_CODE": 14' + b"0" * 5_000 + b"}]}",
        b'{"content": [{"RESPON": 1' + b"0" * 4_290 + b"}]}",
        b"<!doctype html><title>Tidak Sesuai</title>",
        b"<html>RESPONSE_CODE 14</html>",
        b'{"content": ' + b"[" * 30_000,
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    ],
)
def test_what_is_no_page_of_the_registry_is_unreadable(body: bytes) -> None:
    """HTML of a proxy, a broken or compressed body, JSON of another form."""
    assert cause(200, body) == ("ministry_unreadable", None)


def test_a_reply_cut_anywhere_is_unreadable() -> None:
    """A connection that breaks off rejects nobody."""
    for content in (AGREES, INACTIVE, {**AGREES, "NAMA_LGKP": "Tidak Sesuai (0)"}):
        body = page(content)
        for end in range(len(body)):
            assert cause(200, body[:end]) == ("ministry_unreadable", None)


def test_a_reply_that_is_too_large_is_unreadable() -> None:
    """Whatever it says; at the limit it is still read."""
    body = page(INACTIVE)

    assert cause(200, body + b" " * (REPLY_LIMIT_BYTES + 1 - len(body))) == ("ministry_unreadable", None)
    assert isinstance(read_reply(200, body + b" " * (REPLY_LIMIT_BYTES - len(body))), Verdict)


@pytest.mark.parametrize("body", [page(AGREES), page(INACTIVE), page({"RESPON": "Data Tidak Ditemukan"}), b""])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, "ministry_refused") for status in (100, 201, 204, 206, 301, 302, 307, 400, 401, 403, 404, 410)),
        (429, "ministry_busy"),
        *((status, "ministry_error") for status in (500, 502, 503, 504, 599)),
    ],
)
def test_any_other_status_is_no_answer(status: int, expected: str, body: bytes) -> None:
    """Whatever stands in the body."""
    assert (expected, None) == cause(status, body)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999", 99_999.0),
        *((bad, None) for bad in (None, "", "-1", "1.5", "soon", "1e9", "100000", "٣", "5 ", "5\n", "nan")),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_the_registry_s_own_delay_is_passed_on_where_it_is_one(
    status: int, header: str | None, seconds: float | None
) -> None:
    """Whole seconds; anything else counts as absent."""
    assert cause(status, b"", header)[1] == seconds


# I16, fuzzed: real replies with something wrong in them

REPLIES: tuple[Mapping[str, object], ...] = (
    AGREES,
    INACTIVE,
    {"RESPONSE_CODE": 14},
    {**AGREES, "RESPONSE_CODE": "00"},
    *({**AGREES, field: "Tidak Sesuai (0)"} for field in COMPARED),
    dict.fromkeys(COMPARED, "TIDAK SESUAI"),
    {"RESPON": "Data Tidak Ditemukan"},
    *({"RESPON": words} for words, _ in FAILURES),
    *({"RESPONSE_CODE": "99", "RESPONSE_DESC": words} for words, _ in FAILURES),
)
WORDS = st.sampled_from(
    ["Sesuai", "Tidak Sesuai", "Tidak Sesuai (0)", "14", "00", "Data Tidak Ditemukan", "", *(w for w, _ in FAILURES)]
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.just(14) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from([*COMPARED, "RESPON", "RESPONSE_CODE", "RESPONSE_DESC", "NIK", "nama_lgkp"])


def may_reject(body: bytes) -> bool:
    """Judged without the code under test: the row says code 14, or says of a compared field that it does not match."""
    try:
        row = json.loads(body)["content"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
    if not isinstance(row, dict):
        return False
    told = [" ".join(str(row.get(name)).lower().split()) for name in ("RESPON", "RESPONSE_DESC")]
    if any(words.lower() in text for words, _ in FAILURES for text in told[: 1 if row.get("RESPON") else 2]):
        return False
    inactive = str(row.get("RESPONSE_CODE")).strip() == "14"
    compared = [" ".join(str(row.get(name)).lower().split()) for name in COMPARED]
    mismatch = any(text.startswith("tidak sesuai") for text in compared)
    return inactive or (mismatch and all("sesuai" in text for text in compared))


def assert_rejects_only_when_told(status: int, body: bytes) -> None:
    try:
        answer = read_reply(status, body)
    except Retryable as error:
        assert error.cause.startswith("ministry_")  # noqa: PT017 - not the subject of a `raises`
        return
    assert status == 200
    if isinstance(answer, Verdict) and answer.state is State.REJECTED:
        assert may_reject(body)
    if isinstance(answer, Verdict) and answer.state is State.VERIFIED:
        assert b"esuai" in body.lower()


@settings(deadline=None, max_examples=500)
@given(
    reply=st.sampled_from(REPLIES),
    changes=st.dictionaries(NAMES, VALUES, max_size=3),
    dropped=st.sets(NAMES, max_size=2),
    status=st.sampled_from([200, 200, 200, 200, 429, 500, 302, 404]),
)
@example(reply=REPLIES[5], changes={"TGL_LHR": None}, dropped=set(), status=200)
@example(reply=INACTIVE, changes={"RESPON": "Login Gagal"}, dropped=set(), status=200)
def test_fields_changed_at_will_reject_nobody_without_being_told(
    reply: Mapping[str, object], changes: dict[str, object], dropped: set[str], status: int
) -> None:
    """Real replies whose fields are replaced, mistyped or missing: a rejection needs its explicit words."""
    content = {name: value for name, value in {**reply, **changes}.items() if name not in dropped}

    assert_rejects_only_when_told(status, page(content))


@settings(deadline=None, max_examples=500)
@given(
    reply=st.sampled_from(REPLIES),
    seed=st.integers(min_value=0, max_value=2**32),
    count=st.integers(min_value=1, max_value=6),
)
def test_bytes_changed_at_will_reject_nobody_without_being_told(
    reply: Mapping[str, object], seed: int, count: int
) -> None:
    """Real replies with bytes flipped, inserted, removed and moved: never a crash, never a false rejection."""
    chance = random.Random(seed)  # noqa: S311 - a fuzz, drawn from hypothesis
    body = bytearray(page(reply))
    for _ in range(count):
        place = chance.randrange(len(body) or 1)
        match chance.randrange(4):
            case 0:
                body[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                body[place:place] = chance.choice([b'"', b"{", b"[", b",", b"\\", b"\xff", b"14", b"Tidak "])
            case 2:
                del body[place : place + chance.randrange(1, 12)]
            case _:
                body = body[place:] + body[:place]

    assert_rejects_only_when_told(200, bytes(body))


@settings(deadline=None, max_examples=300)
@given(status=st.integers(min_value=100, max_value=599) | st.just(200), body=st.binary(max_size=300))
def test_any_bytes_are_no_answer(status: int, body: bytes) -> None:
    """Noise of any kind ends in a cause for on-call."""
    assert_rejects_only_when_told(status, body)


def test_the_judge_of_these_tests_knows_a_rejection() -> None:
    """Without this, the fuzz could pass because it never allows or never sees one."""
    rejected = [
        reply
        for reply in REPLIES
        if "RESPON" not in reply and isinstance(answer := _answer(reply), Verdict) and answer.state is State.REJECTED
    ]

    assert len(rejected) == 6
    assert all(may_reject(page(reply)) for reply in rejected)
    assert not any(may_reject(page({"RESPON": words})) for words, _ in FAILURES)
    assert not may_reject(page(AGREES))


def _answer(reply: Mapping[str, object]) -> Verdict | Missing | None:
    try:
        return read_reply(200, page(reply))
    except Retryable:
        return None
