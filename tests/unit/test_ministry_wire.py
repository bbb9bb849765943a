"""The registry's replies: only an explicit answer rejects a person (I16), everything else is the system's trouble."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict
from tests.replies import AGREES, INACTIVE, NIK, REPLIES, THRESHOLD, Reply, page
from verify_workers.ministry.answers import Asked, Missing, explicit_answer
from verify_workers.ministry.wire import REPLY_LIMIT_BYTES, Credentials, read_reply, request_body

VERIFIED = Verdict(State.VERIFIED)
ASKED = Asked(NIK, THRESHOLD)
COMPARED = ("NAMA_LGKP", "TMPT_LHR", "TGL_LHR")
FAILURES = (
    ("Kuota Akses Hari ini telah Habis", "ministry_quota"),
    ("Login Gagal", "ministry_login"),
    ("IP Address Tidak Sesuai", "ministry_address"),
    ("IP Client Tidak terdaftar", "ministry_address"),
)


def read(status: int, body: bytes, retry_after: str | None = None) -> Verdict | Missing:
    """What a reply says of the person who was asked about."""
    return explicit_answer(read_reply(status, body, retry_after=retry_after), ASKED)


def cause(status: int, body: bytes, retry_after: str | None = None) -> tuple[str, float | None]:
    """Why a reply was no answer."""
    with pytest.raises(Retryable) as caught:
        read(status, body, retry_after)
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
    assert read(200, page({**AGREES, field: word})) == VERIFIED


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
    assert Verdict(State.REJECTED, reason) == read(200, page({**AGREES, field: word}))


def test_the_name_is_told_first_when_several_do_not_match() -> None:
    """One reason at a time, always the same one."""
    content = {**AGREES, **dict.fromkeys(COMPARED, "Tidak Sesuai")}

    assert Verdict(State.REJECTED, Reason.NAME_MISMATCH) == read(200, page(content))


@pytest.mark.parametrize("code", ["14", 14, " 14 "])
@pytest.mark.parametrize("description", [*capitals(INACTIVE["RESPONSE_DESC"]), "", None])
def test_found_and_inactive_rejects(code: object, description: object) -> None:
    """Code 14, whether it comes as text or as a number."""
    content = {"RESPONSE_CODE": code, "RESPONSE_DESC": description}

    assert Verdict(State.REJECTED, Reason.INACTIVE) == read(200, page(content))


@pytest.mark.parametrize("field", ["RESPON", "RESPONSE_DESC"])
@pytest.mark.parametrize("words", capitals("Data Tidak Ditemukan"))
def test_not_found_is_an_answer_of_its_own(field: str, words: str) -> None:
    """Not final: the registry's copy is synchronised from time to time."""
    assert Missing.NOT_FOUND is read(200, page({field: words}))


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
    assert isinstance(read(200, body + b" " * (REPLY_LIMIT_BYTES - len(body))), Verdict)


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


# The contract, reply by reply


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
def test_a_reply_means_what_it_says(reply: Reply) -> None:
    """The same table that the client is held to over HTTP."""
    assert meaning(reply.status, reply.body) == reply.meaning


def meaning(status: int, body: bytes) -> str:
    """What the parser made of a reply, in the words of the table."""
    try:
        answer = read(status, body)
    except Retryable as error:
        return error.cause
    if answer is Missing.NOT_FOUND:
        return "not found"
    return str(answer.state) if answer.reason is None else f"{answer.state}: {answer.reason}"


# I16, fuzzed. The judge is how a reply was made, not how it reads: answers are built from what they shall mean, and a
# system fault is an answer to which something was done that must cost it its meaning.


@st.composite
def spelling(draw: st.DrawFn, words: str) -> str:
    """The same words in other capitals and spacing."""
    letters = "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in words)
    gap = st.sampled_from([" ", "  ", "\t", " \n "])
    return draw(st.sampled_from(["", " "])) + draw(gap).join(letters.split(" ")) + draw(st.sampled_from(["", " "]))


@st.composite
def comparison(draw: st.DrawFn, *, agrees: bool) -> str:
    score = draw(st.none() | (st.integers(90, 100) if agrees else st.integers(0, 89)))
    said = draw(spelling("Sesuai" if agrees else "Tidak Sesuai")).strip()
    return said if score is None else f"{said} ({score})"


@st.composite
def compared(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A row in which every field was compared, and what it means."""
    agree = {field: draw(st.booleans()) for field in COMPARED}
    row: dict[str, Any] = {field: draw(comparison(agrees=agree[field])) for field in COMPARED}
    row |= draw(st.sampled_from([{}, {"NIK": "Sesuai"}, {"NIK": NIK}, {"RESPONSE_CODE": "00"}, {"RESPON": ""}]))
    reasons = {"NAMA_LGKP": "name_mismatch", "TGL_LHR": "birth_date_mismatch", "TMPT_LHR": "birth_place_mismatch"}
    told = next((reason for field, reason in reasons.items() if not agree[field]), None)
    return "verified" if told is None else f"rejected: {told}", row


@st.composite
def inactive(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    row: dict[str, Any] = {"RESPONSE_CODE": draw(st.sampled_from(["14", 14, " 14 "]))}
    if draw(st.booleans()):
        row[draw(st.sampled_from(["RESPON", "RESPONSE_DESC"]))] = draw(spelling("Data Ditemukan, Status Tidak Aktif"))
    return "rejected: inactive", row


@st.composite
def not_found(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "not found", {draw(st.sampled_from(["RESPON", "RESPONSE_DESC"])): draw(spelling("Data Tidak Ditemukan"))}


ANSWERS = compared() | inactive() | not_found()
NOISE = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name not in {*COMPARED, "NIK", "RESPON", "RESPONSE_DESC", "RESPONSE_CODE"}),
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=9) | st.lists(st.integers(), max_size=2),
    max_size=3,
)
FAULT_TEXTS = st.sampled_from(
    [words for words, _ in FAILURES] + ["Terjadi kesalahan sistem", "Timeout", "Sesuai nanti"]
)


@settings(deadline=None, max_examples=200)
@given(answer=ANSWERS, noise=NOISE, envelope=NOISE, mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_an_answer_is_read_however_it_is_spelt(
    answer: tuple[str, dict[str, Any]], noise: dict[str, Any], envelope: dict[str, Any], mark: bytes
) -> None:
    """Capitals, spaces, scores, numbers for text and fields that we did not ask for change nothing."""
    expected, row = answer
    body = mark + page({**noise, **row}, **{f"x{name}": value for name, value in envelope.items()})

    assert meaning(200, body) == expected


def _overwritten(row: dict[str, Any], field: str, value: object) -> bytes:
    return page({**row, field: value})


def _doubled(row: dict[str, Any], field: str, value: object) -> bytes:
    text = page({**row, "DOUBLED": value}).decode()
    return text.replace('"DOUBLED"', json.dumps(field)).encode() if field in row else b""


def _dropped(row: dict[str, Any]) -> bytes:
    """Without its last word: every answer lives by all of its compared fields, or by its one code or text."""
    needed = [name for name in row if name in COMPARED] or [n for n in row if n == "RESPONSE_CODE"] or list(row)
    return page({name: value for name, value in row.items() if name != needed[-1] and (name in COMPARED)})


FAULTS: Mapping[str, Callable[[dict[str, Any], st.DataObject], tuple[int, bytes]]] = {
    "a failure in words": lambda row, data: (200, _overwritten(row, "RESPON", data.draw(FAULT_TEXTS))),
    "a failure in the description": lambda row, data: (200, _overwritten(row, "RESPONSE_DESC", data.draw(FAULT_TEXTS))),
    "a code of something else": lambda row, data: (
        200,
        _overwritten({**row, "RESPON": "x"}, "RESPONSE_CODE", data.draw(st.sampled_from(["99", 13, "014", [14], 1.4]))),
    ),
    "a name twice": lambda row, data: (200, _doubled(row, data.draw(st.sampled_from(sorted(row))), "Tidak Sesuai")),
    "a row too many": lambda row, data: (200, page(row, data.draw(st.sampled_from([row, {}, None])))),
    "no list": lambda row, _: (200, json.dumps({"content": row}).encode()),
    "another's NIK": lambda row, _: (200, _overwritten(row, "NIK", "3174014302900002")),
    "a word too few": lambda row, _: (200, _dropped(row)),
    "a broken end": lambda row, data: (200, (b := page(row))[: data.draw(st.integers(0, len(b) - 1))]),
    "a broken letter": lambda row, _: (200, page({**row, "X": "é"}).replace("é".encode(), b"\xe9")),
    "UTF-16": lambda row, _: (200, page(row).decode().encode("utf-16")),
    "a web page around it": lambda row, _: (200, b"<html><pre>" + page(row) + b"</pre></html>"),
    "a status": lambda row, data: (
        data.draw(st.sampled_from([100, 204, 206, 302, 401, 404, 429, 500, 504])),
        page(row),
    ),
    "too much": lambda row, _: (200, page(row) + b" " * REPLY_LIMIT_BYTES),
}


@pytest.mark.parametrize("fault", FAULTS)
@settings(deadline=None, max_examples=60)
@given(answer=ANSWERS, data=st.data())
def test_a_system_fault_is_no_answer(fault: str, answer: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Whatever the reply would have meant: nobody is rejected, nobody verified, nobody counted as not found."""
    status, body = FAULTS[fault](dict(answer[1]), data)

    assert meaning(status, body).startswith("ministry_")


@settings(deadline=None, max_examples=300)
@given(status=st.integers(min_value=100, max_value=599) | st.just(200), body=st.binary(max_size=300))
def test_any_bytes_are_no_answer(status: int, body: bytes) -> None:
    """Noise of any kind ends in a cause for on-call."""
    assert meaning(status, body).startswith("ministry_")


@settings(deadline=None, max_examples=300)
@given(answer=ANSWERS, place=st.integers(min_value=0), byte=st.integers(0, 255), data=st.data())
def test_a_changed_byte_never_turns_agreement_into_rejection(
    answer: tuple[str, dict[str, Any]], place: int, byte: int, data: st.DataObject
) -> None:
    """One byte replaced, inserted or removed: the reply keeps its meaning or loses it, and gets no other."""
    expected, row = answer
    body = bytearray(page(row))
    at = place % len(body)
    body[at : at + data.draw(st.integers(0, 1))] = bytes([byte]) if data.draw(st.booleans()) else b""
    found = meaning(200, bytes(body))

    assert found == expected or found.startswith("ministry_")
