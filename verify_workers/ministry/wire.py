"""The registry's wire format (CALL_VERIFY_BY_ELEMEN), as public integrations show it.

Guarantee: a person is rejected only on an explicit answer: a compared field that does not match, or "found, inactive".
Every other reply, whatever its status, is the system's trouble and raises `Retryable` with a cause for on-call.

Pure: bytes in, answer out.
"""

import enum
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict

REPLY_LIMIT_BYTES: Final = 64 * 1024
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_INACTIVE_CODE: Final = "14"


class Missing(enum.Enum):
    """The registry does not know the person; it may, once its copy is synchronised."""

    NOT_FOUND = "not_found"


# What a failure says, in lower case, and the cause that on-call sees.
_FAILURES: Final = (
    ("kuota akses hari ini telah habis", "ministry_quota"),
    ("login gagal", "ministry_login"),
    ("ip address tidak sesuai", "ministry_address"),
    ("ip client tidak terdaftar", "ministry_address"),
)
_NOT_FOUND_TEXT: Final = "data tidak ditemukan"
# The compared fields in the order in which a mismatch is reported.
_COMPARED: Final = (
    ("NAMA_LGKP", Reason.NAME_MISMATCH),
    ("TGL_LHR", Reason.BIRTH_DATE_MISMATCH),
    ("TMPT_LHR", Reason.BIRTH_PLACE_MISMATCH),
)
_COMPARISON = re.compile(r"\A(?P<no>tidak )?sesuai(?: \([0-9]{1,3}\))?\Z")


class Credentials(msgspec.Struct, frozen=True):
    """How the registry knows us."""

    user: str
    password: str
    ip: str
    threshold: int


def request_body(person: Applicant, credentials: Credentials) -> bytes:
    """The JSON of one question."""
    return msgspec.json.encode(
        {
            "NIK": person.nik,
            "NAMA_LGKP": person.name.upper(),
            "TMPT_LHR": person.birth_place.upper(),
            "TGL_LHR": person.birth_date.strftime("%d-%m-%Y"),
            "USER_ID": credentials.user,
            "PASSWORD": credentials.password,
            "IP_USER": credentials.ip,
            "TRESHOLD": str(credentials.threshold),  # spelt so on the wire
        }
    )


def read_reply(status: int, body: bytes, *, retry_after: str | None = None) -> Verdict | Missing:
    """The registry's answer; raises `Retryable` for everything that is not an explicit one."""
    if status == _TOO_MANY:
        raise Retryable("ministry_busy", _delay(retry_after))
    if status >= _SERVER_ERROR:
        raise Retryable("ministry_error", _delay(retry_after))
    if status != _OK:
        raise Retryable("ministry_refused")
    content = _content(body)
    said = _text(content, "RESPON") or _text(content, "RESPONSE_DESC")
    if said:
        for text, cause in _FAILURES:
            if text in said:
                raise Retryable(cause)
        if _NOT_FOUND_TEXT in said:
            return Missing.NOT_FOUND
    if _text(content, "RESPONSE_CODE") == _INACTIVE_CODE:
        return Verdict(State.REJECTED, Reason.INACTIVE)
    return _compared(content)


def _compared(content: Mapping[str, Any]) -> Verdict:
    """Every field that we asked for must have been compared before any of them counts."""
    matches = [_matches(_text(content, field)) for field, _ in _COMPARED]
    for (_, reason), match in zip(_COMPARED, matches, strict=True):
        if not match:
            return Verdict(State.REJECTED, reason)
    return Verdict(State.VERIFIED)


def _matches(said: str) -> bool:
    comparison = _COMPARISON.match(said)
    if comparison is None:
        raise Retryable("ministry_unreadable")
    return comparison["no"] is None


def _content(body: bytes) -> Mapping[str, Any]:
    """`content[0]` of the page envelope."""
    if len(body) > REPLY_LIMIT_BYTES:
        raise Retryable("ministry_unreadable")
    try:
        content = msgspec.json.decode(body)["content"][0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError) as error:
        raise Retryable("ministry_unreadable") from error
    if not isinstance(content, dict):
        raise Retryable("ministry_unreadable")
    return content


def _text(content: Mapping[str, Any], field: str) -> str:
    """A field in lower case, empty where it is absent; numbers sometimes come unquoted."""
    value = content.get(field)
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise Retryable("ministry_unreadable")
    return " ".join(str(value).lower().split())


def _delay(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110); its date form counts as absent."""
    return float(retry_after) if retry_after and re.fullmatch(r"[0-9]{1,5}", retry_after) else None
