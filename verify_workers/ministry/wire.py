"""The registries' wire format as public integrations show it, and the population registry's question.

Guarantee: what is not one whole page with one row, in UTF-8 with or without a byte order mark, each name at most once,
raises `Retryable` with a cause for on-call. What a row says is not judged here (`ministry/calls.py`).

Pure: bytes in, a row out.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from registration.applicant import Applicant
from registration.errors import Retryable
from verify_workers.ministry.rows import UNREADABLE

REPLY_LIMIT_BYTES: Final = 64 * 1024
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


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


def read_reply(status: int, body: bytes, *, retry_after: str | None = None) -> Mapping[str, Any]:
    """The row of a reply; raises `Retryable` for everything that has none."""
    if status == _TOO_MANY:
        raise Retryable("ministry_busy", _delay(retry_after))
    if status >= _SERVER_ERROR:
        raise Retryable("ministry_error", _delay(retry_after))
    if status != _OK:
        raise Retryable("ministry_refused")
    return _row(body)


def _row(body: bytes) -> Mapping[str, Any]:
    """The one row of the page envelope."""
    if len(body) > REPLY_LIMIT_BYTES:
        raise Retryable(UNREADABLE)
    try:
        page = _decoder.decode(body.decode("utf-8-sig"))
        (row,) = page["content"]
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise Retryable(UNREADABLE) from error
    if not isinstance(page, dict) or not isinstance(page["content"], list) or not isinstance(row, dict):
        raise Retryable(UNREADABLE)
    return row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; one that gives a name twice could be read either way."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name comes twice")
    return made


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


# A whole number is read as its digits: fields come with and without quotes.
_decoder: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_constant=_no_number)


def _delay(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110); its date form counts as absent."""
    return float(retry_after) if retry_after and re.fullmatch(r"[0-9]{1,5}", retry_after) else None
