"""What rows of every registry have in common: how a field is read, and the texts that are no answer (ADR 0005).

A text is known in full or it makes the row unreadable: a sentence that nobody has seen before rejects nobody.

Pure. Whole numbers in a row are text already (`ministry/wire.py`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from registration.errors import Retryable

UNREADABLE: Final = "ministry_unreadable"
_TEXT_LIMIT_CHARACTERS: Final = 500
# What a failure says, in lower case and anywhere in the text, and the cause that on-call sees.
_FAILURES: Final = (
    ("kuota akses", "ministry_quota"),
    ("login gagal", "ministry_login"),
    ("ip address", "ministry_address"),
    ("ip client", "ministry_address"),
)
_FOUND_CODES: Final = frozenset({"", "00"})
_FOUND: Final = re.compile(r"\A(?:data ditemukan\b.*|sukses|success|berhasil|ok)?\Z")
NIK: Final = re.compile(r"\A[0-9]{16}\Z")


def texts(row: Mapping[str, Any]) -> Sequence[str]:
    """What the row says in words; raises `Retryable` with its cause where that is a failure."""
    said = [words for words in (text(row, "RESPON"), text(row, "RESPONSE_DESC")) if words]
    for words in said:
        for part, cause in _FAILURES:
            if part in words:
                raise Retryable(cause)
    return said


def require_found(code: str, said: Sequence[str]) -> None:
    """Raise unless code and words say no more than that somebody was found."""
    if code not in _FOUND_CODES or not all(_FOUND.match(words) for words in said):
        raise Retryable(UNREADABLE)


def text(row: Mapping[str, Any], field: str) -> str:
    """A field in lower case with single spaces, empty where it is absent."""
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT_CHARACTERS:
        raise Retryable(UNREADABLE)
    return " ".join(value.lower().split())
