"""What counts as an explicit answer of the registry, defined here and nowhere else (ADR 0005).

A row of a reply is one of these, or it is no answer:

- found, inactive: code 14, and no text that says anything else;
- a field differs: every field we asked for was compared, at least one is "Tidak Sesuai", no code but 00, no text that
  says anything but "found";
- all agree: the same, with "Sesuai" in every field;
- not found: "Data Tidak Ditemukan", with no field compared and no code of a person who was found.

A text is known in full or it makes the row unreadable: a sentence that nobody has seen before rejects nobody. A row
that contradicts itself is unreadable too. A score that the registry judged by another threshold than ours is no answer
either, since one of us would be wrong about the person.

Pure: a row in, an answer out. Whole numbers in a row are text already (`ministry/wire.py`).
"""

import enum
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict

UNREADABLE: Final = "ministry_unreadable"
THRESHOLD: Final = "ministry_threshold"
_FOUND_CODES: Final = frozenset({"", "00"})
_INACTIVE_CODE: Final = "14"
_TEXT_LIMIT_CHARACTERS: Final = 500


class Missing(enum.Enum):
    """The registry does not know the person; it may, once its copy is synchronised."""

    NOT_FOUND = "not_found"


class Asked(msgspec.Struct, frozen=True):
    """What of the question the answer must fit: the NIK, and the score from which a name matches."""

    nik: str
    threshold: int


# What a failure says, in lower case and anywhere in the text, and the cause that on-call sees.
_FAILURES: Final = (
    ("kuota akses", "ministry_quota"),
    ("login gagal", "ministry_login"),
    ("ip address", "ministry_address"),
    ("ip client", "ministry_address"),
)
_NOT_FOUND: Final = re.compile(r"\Adata tidak ditemukan[.!]?\Z")
_FOUND: Final = re.compile(r"\A(?:data ditemukan\b.*|sukses|success|berhasil|ok)?\Z")
_INACTIVE: Final = re.compile(r"\A(?:data ditemukan\b.*|.*\b(?:tidak|non)[ -]?aktif\b.*)?\Z")
_COMPARISON: Final = re.compile(r"\A(?P<no>tidak )?sesuai(?: \((?P<score>100|[1-9]?[0-9])\))?\Z")
# The compared fields in the order in which a mismatch is reported.
_COMPARED: Final = (
    ("NAMA_LGKP", Reason.NAME_MISMATCH),
    ("TGL_LHR", Reason.BIRTH_DATE_MISMATCH),
    ("TMPT_LHR", Reason.BIRTH_PLACE_MISMATCH),
)
_NIK: Final = re.compile(r"\A[0-9]{16}\Z")


def explicit_answer(row: Mapping[str, Any], asked: Asked) -> Verdict | Missing:
    """What the row says of the person who was asked about; raises `Retryable` with a cause for on-call otherwise."""
    texts = [text for text in (_text(row, "RESPON"), _text(row, "RESPONSE_DESC")) if text]
    for text in texts:
        for words, cause in _FAILURES:
            if words in text:
                raise Retryable(cause)
    code = _text(row, "RESPONSE_CODE")
    compared = [_text(row, field) for field, _ in _COMPARED]
    _fits(_text(row, "NIK"), asked)
    if texts and all(_NOT_FOUND.match(text) for text in texts):
        if any(compared) or code in {"00", _INACTIVE_CODE}:
            raise Retryable(UNREADABLE)
        return Missing.NOT_FOUND
    if code == _INACTIVE_CODE:
        return _inactive(texts)
    if code not in _FOUND_CODES or not all(_FOUND.match(text) for text in texts):
        raise Retryable(UNREADABLE)
    return _verdict(compared, asked)


def _inactive(texts: list[str]) -> Verdict:
    if not all(_INACTIVE.match(text) for text in texts):
        raise Retryable(UNREADABLE)
    return Verdict(State.REJECTED, Reason.INACTIVE)


def _verdict(compared: list[str], asked: Asked) -> Verdict:
    """Every field that we asked for must have been compared before any of them counts."""
    matches = [
        _matches(said, asked.threshold if reason is Reason.NAME_MISMATCH else None)
        for (_, reason), said in zip(_COMPARED, compared, strict=True)
    ]
    for (_, reason), match in zip(_COMPARED, matches, strict=True):
        if not match:
            return Verdict(State.REJECTED, reason)
    return Verdict(State.VERIFIED)


def _matches(said: str, threshold: int | None) -> bool:
    """Whether a field agrees. With a threshold (names have one), a score must lie on the side that the word says."""
    comparison = _COMPARISON.match(said)
    if comparison is None:
        raise Retryable(UNREADABLE)
    agrees = comparison["no"] is None
    if comparison["score"] is not None:
        score = int(comparison["score"])
        if score == (0 if agrees else 100):  # "Sesuai (0)", "Tidak Sesuai (100)": whatever the threshold is
            raise Retryable(UNREADABLE)
        if threshold is not None and agrees is not (score >= threshold):
            raise Retryable(THRESHOLD)
    return agrees


def _fits(nik: str, asked: Asked) -> None:
    """Raise unless the row is about the NIK that was asked: it repeats it, says that it agrees, or is silent on it."""
    comparison = _COMPARISON.match(nik)
    if nik and (nik != asked.nik if _NIK.match(nik) else comparison is None or comparison["no"]):
        raise Retryable(UNREADABLE)


def _text(row: Mapping[str, Any], field: str) -> str:
    """A field in lower case with single spaces, empty where it is absent."""
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT_CHARACTERS:
        raise Retryable(UNREADABLE)
    return " ".join(value.lower().split())
