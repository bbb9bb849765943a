"""What programs can ask of the front door: for each address its body, its answers, and the problems it can have.

Only a description, from which `ingest/openapi.py` makes the document; what is true is in the handlers. Tests compare
the two: with the routes, with the problem codes, and with what a running front door answers.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.handlers import api, participation_api, photos
from ingest.routing import REGISTRATIONS
from registration.applicant import CONFIRMABLE
from registration.checks import Kind, Overall, Reason, State

OPENAPI_PATH = "/api/v1/openapi.json"

_ANYWHERE = ("request_malformed", "internal_error")
_STORED = ("not_found", "dependency_down")
_WITH_BODY = ("json_malformed", "body_too_slow", "body_too_large", "not_json", "fields_wrong")
# Answered whatever the operation, or to people's pages only: no operation lists them.
ELSEWHERE = frozenset({"method_not_allowed", "csrf", "token_invalid"})

_LETTER = r"\p{L}"  # as JSON Schema writes it; Python has no such class
_PERSON = {
    "name": "Siti Rahayu",
    "birth_place": "Jakarta",
    "birth_date": "1990-02-03",
    "nik": "3174014302900001",
    "email": "siti@surel.example",
    "phone": "0812 3456 7890",
}
_HANDLE = "2yfzPwoSrV4PGxTzmX5Gmtw7lj_WkRmkcNxeHU0B"
_MOMENT = "2026-11-24T03:06:25.093375Z"


class RegistrationBody(msgspec.Struct, frozen=True):
    """A person's data. Further members are ignored. Spaces around a value and repeated spaces are dropped."""

    name: Annotated[
        str,
        Meta(
            description="Letters, spaces and . , ' ’ ` / -, a letter first",
            extra_json_schema={"pattern": rf"^{_LETTER}[{_LETTER} .,'’`/\-]{{0,99}}$"},
            max_length=100,
        ),
    ]
    birth_place: Annotated[
        str,
        Meta(
            description="As the name, and digits and parentheses",
            extra_json_schema={"pattern": rf"^{_LETTER}[{_LETTER}0-9 .,'’`()/\-]{{0,99}}$"},
            max_length=100,
        ),
    ]
    birth_date: Annotated[
        str,
        Meta(
            description="A date at least 18 and at most 120 years ago in Jakarta",
            pattern="^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
            extra_json_schema={"format": "date"},
        ),
    ]
    nik: Annotated[
        str,
        Meta(
            description="District (6 digits), birth date DDMMYY with 40 added to a woman's day, serial from 0001."
            " Spaces between the digits are dropped",
            pattern=(
                "^[1-9][0-9]{5}(0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])(0[1-9]|1[0-2])[0-9]{2}"
                "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])$"
            ),
        ),
    ]
    email: Annotated[
        str,
        Meta(
            description="One plain address; at most 64 characters before the @",
            pattern=(
                r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*"
                r"@([A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])$"
            ),
            min_length=6,
            max_length=254,
        ),
    ]
    phone: Annotated[
        str,
        Meta(
            description="An Indonesian mobile number: 08…, 628… or +628…, with 9 to 12 digits from the 8 on. Spaces,"
            " dots, dashes and parentheses are dropped",
            pattern=r"^[ .()\-]*(\+?[ .()\-]*6[ .()\-]*2|0)[ .()\-]*8[ .()\-]*[1-9]([ .()\-]*[0-9]){7,10}[ .()\-]*$",
        ),
    ]
    confirm: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"enum": sorted(CONFIRMABLE)})], ...],
        Meta(
            description="What the applicant has looked at again and confirms: codes that `fields_wrong` named for the"
            " NIK. Any other text is ignored"
        ),
    ] = ()


class CorrectionBody(msgspec.Struct, frozen=True):
    """The fields to correct, and no others, by the rules of a registration. The reason says which may be."""

    name: str = ""
    birth_place: str = ""
    birth_date: str = ""
    nik: str = ""
    email: str = ""
    phone: str = ""
    confirm: Annotated[
        tuple[str, ...], Meta(description="As in a registration, when NIK or birth date are corrected")
    ] = ()


class FieldProblem(msgspec.Struct, frozen=True):
    """A wrong field. Decide by `code`, which has no language."""

    field: str
    code: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error (RFC 9457). Decide by `code`, which has no language."""

    type: Annotated[str, Meta(pattern="^urn:gelombang:problem:[a-z_]+$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: str
    errors: Annotated[tuple[FieldProblem, ...], Meta(description="All wrong fields, with `fields_wrong` only")] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method at one address. `codes` are its problems; `answers` gives the struct of each status without one.

    `media` are the types of a body that is no JSON.
    """

    method: str
    path: str
    name: str
    summary: str
    codes: tuple[str, ...]
    answers: dict[int, type[msgspec.Struct] | None]
    body: type[msgspec.Struct] | None = None
    media: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    answer_headers: tuple[str, ...] = ()


_ONE = f"{REGISTRATIONS}/{{handle}}"
_STATUS = {200: api.StatusBody}
_PROGRESS: dict[int, type[msgspec.Struct] | None] = {200: participation_api.ProgressBody}
_TEST: dict[int, type[msgspec.Struct] | None] = {200: participation_api.AssessmentBody}

OPERATIONS = (
    Operation(
        method="POST",
        path=REGISTRATIONS,
        name="register",
        summary="Register a person. 202: the registration is committed. After a 503 or without an answer the outcome is"
        " unknown: send the same again with the same key",
        body=RegistrationBody,
        answers={202: api.ReceiptBody},
        headers=("Idempotency-Key",),
        answer_headers=("Idempotency-Replayed",),
        codes=(
            *("idempotency_key_missing", "idempotency_key_format", "key_in_flight", "key_reused"),
            *("too_many_for_nik", "rate_limited"),
            *(*_WITH_BODY, "overloaded", "dependency_down", *_ANYWHERE),
        ),
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="status",
        summary="Where a registration stands. A forged, malformed or unknown handle is the same 404",
        answers={**_STATUS, 304: None},
        headers=("If-None-Match",),
        answer_headers=("ETag",),
        codes=(*_STORED, *_ANYWHERE),
    ),
    Operation(
        method="PATCH",
        path=_ONE,
        name="correct",
        summary="Correct rejected fields; only what depends on them is checked again, in its old place in the queue."
        " The same again, while that is under way, changes nothing",
        body=CorrectionBody,
        answers=dict(_STATUS),
        codes=(
            *("not_correctable", "correction_limit", "too_many_for_nik", "rate_limited"),
            *(*_WITH_BODY, *_STORED, *_ANYWHERE),
        ),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/phone",
        name="typeCode",
        summary="Compare the code of a text message; a try is counted before it is compared",
        body=api.CodeBody,
        answers=dict(_STATUS),
        codes=("code_wrong", "code_expired", "code_tries_used_up", *_WITH_BODY, *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/phone-code",
        name="sendCode",
        summary="Have a new code sent; the earlier ones become worthless. Changes nothing unless a code is out",
        answers=dict(_STATUS),
        codes=("code_limit", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/email-link",
        name="sendLink",
        summary="Have a new link sent; the earlier ones become worthless. Changes nothing unless a link is out",
        answers=dict(_STATUS),
        codes=("email_link_limit", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/student",
        name="askWhetherStudent",
        summary="Have the check done again, a day after somebody was found to study. Changes nothing otherwise",
        answers=dict(_STATUS),
        codes=("recheck_limit", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="PUT",
        path=f"{_ONE}/photo",
        name="sendPhoto",
        summary="Take a selfie with KTP, whole; or with Content-Range and an Idempotency-Key a part of one. 202: not"
        " whole yet, send the part that begins at `received`; `Content-Range: bytes */SIZE` only asks",
        media=("image/jpeg", "image/png"),
        answers={**_STATUS, 202: photos.PhotoProgressBody},
        headers=("Content-Range",),
        codes=(
            *("photo_type", "photo_over_limit", "photo_settled", "rate_limited", "body_too_slow", "key_reused"),
            *("idempotency_key_missing", "idempotency_key_format", "overloaded", *_STORED, *_ANYWHERE),
        ),
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/wave",
        name="progress",
        summary="How far the applicant is: the wave, the test, whether joined, the result",
        answers=_PROGRESS,
        answer_headers=("Cache-Control",),
        codes=(*_STORED, *_ANYWHERE),
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/test",
        name="test",
        summary="The test as it stands, once it is begun",
        answers=_TEST,
        answer_headers=("Cache-Control",),
        codes=("test_not_started", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/test",
        name="startTest",
        summary="Begin the test of the open wave, or go on with it, on any device: there is one attempt a wave",
        answers=_TEST,
        answer_headers=("Cache-Control",),
        codes=("wave_not_open", "checks_incomplete", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/test/answer",
        name="answerTest",
        summary="Save one answer; it is committed when this is answered",
        body=participation_api.AnswerBody,
        answers={200: participation_api.AnswerBody},
        answer_headers=("Cache-Control",),
        codes=("test_not_started", "test_ended", *_WITH_BODY, *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/test/submit",
        name="submitTest",
        summary="End the test; ending it again changes nothing. It is scored within seconds",
        answers=_TEST,
        answer_headers=("Cache-Control",),
        codes=("test_not_started", *_STORED, *_ANYWHERE),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/join",
        name="join",
        summary="Join the open wave; joining again changes nothing. 200: committed before the closing second",
        body=participation_api.JoinBody,
        answers=_PROGRESS,
        answer_headers=("Cache-Control",),
        codes=(
            *("wave_not_open", "checks_incomplete", "test_not_done", "already_selected", "overloaded"),
            *(*_WITH_BODY, *_STORED, *_ANYWHERE),
        ),
    ),
    Operation(
        method="GET",
        path=OPENAPI_PATH,
        name="openapi",
        summary="This document",
        answers={200: None},
        answer_headers=("Cache-Control",),
        codes=_ANYWHERE,
    ),
)

# A real answer for each body, from the local stack.
_TICKET = "5b1f0f6c-6f0e-4d3b-9a53-0f3f8f7d1c2a"
EXAMPLES = {
    photos.PhotoProgressBody: {"received": 131_072, "size": 412_733},
    participation_api.AnswerBody: {"question": 0, "option": 2},
    participation_api.JoinBody: {"wave": 1},
    participation_api.ProgressBody: {
        "now": _MOMENT,
        "complete": True,
        "wave": {
            "number": 1,
            "opens_at": "2026-11-21T01:00:00Z",
            "closes_at": "2026-11-26T09:00:00Z",
            "quota": 164_000,
            "open": True,
            "seed_commitment": "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
        },
        "test": "scored",
        "joined": {"wave": 1, "ticket": _TICKET, "joined_at": _MOMENT},
        "result": None,
    },
    participation_api.AssessmentBody: {
        "wave": 1,
        "state": "running",
        "now": _MOMENT,
        "deadline_at": "2026-11-24T03:31:25.093375Z",
        "questions": [{"text": "Berapa hasil 8 × 7?", "options": ["54", "56", "63", "48"]}],
        "answers": [1],
        "scores": None,
    },
    RegistrationBody: _PERSON,
    CorrectionBody: {"name": "Siti Rahayu"},
    api.CodeBody: {"code": "167175"},
    api.ReceiptBody: {
        "handle": _HANDLE,
        "status_url": f"https://pendaftaran.example{REGISTRATIONS}/{_HANDLE}",
        "received_at": _MOMENT,
    },
    api.StatusBody: {
        "received_at": _MOMENT,
        "state": Overall.REJECTED.value,
        "checks": {
            Kind.NIK.value: {
                "state": State.REJECTED.value,
                "reason": Reason.NAME_MISMATCH.value,
                "updated_at": _MOMENT,
            },
            Kind.EMAIL.value: {"state": State.SENT.value, "reason": None, "updated_at": _MOMENT},
            Kind.PHONE.value: {"state": State.PENDING.value, "reason": None, "updated_at": _MOMENT},
        },
    },
}
