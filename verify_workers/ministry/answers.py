"""What counts as an explicit answer of the population registry, defined here and nowhere else (ADR 0005).

A row of a reply is one of these, or it is no answer:

- found, inactive: code 14, and no text that says anything else;
- a field differs: every field we asked for was compared, at least one is "Tidak Sesuai", no code but 00, no text that
  says anything but "found";
- all agree: the same, with "Sesuai" in every field;
- not found: "Data Tidak Ditemukan", with no field compared and no code of a person who was found.

A row that contradicts itself is unreadable. A score that the registry judged by another threshold than ours is no
answer either, since one of us would be wrong about the person.

Pure: a row in, an answer out.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict
from verify_workers.ministry.rows import NIK, UNREADABLE, require_found, text, texts

THRESHOLD: Final = "ministry_threshold"
_INACTIVE_CODE: Final = "14"


class Missing(enum.Enum):
    """The registry does not know the person; it may, once its copy is synchronised."""

    NOT_FOUND = "not_found"


class Asked(msgspec.Struct, frozen=True):
    """What of the question the answer must fit: the NIK, and the score from which a name matches."""

    nik: str
    threshold: int


_NOT_FOUND: Final = re.compile(r"\Adata tidak ditemukan[.!]?\Z")
_INACTIVE: Final = re.compile(r"\A(?:data ditemukan\b.*|.*\b(?:tidak|non)[ -]?aktif\b.*)?\Z")
_COMPARISON: Final = re.compile(r"\A(?P<no>tidak )?sesuai(?: \((?P<score>100|[1-9]?[0-9])\))?\Z")
# The compared fields in the order in which a mismatch is reported.
_COMPARED: Final = (
    ("NAMA_LGKP", Reason.NAME_MISMATCH),
    ("TGL_LHR", Reason.BIRTH_DATE_MISMATCH),
    ("TMPT_LHR", Reason.BIRTH_PLACE_MISMATCH),
)


def explicit_answer(row: Mapping[str, Any], asked: Asked) -> Verdict | Missing:
    """What the row says of the person who was asked about; raises `Retryable` with a cause for on-call otherwise."""
    said = texts(row)
    code = text(row, "RESPONSE_CODE")
    compared = [text(row, field) for field, _ in _COMPARED]
    _fits(text(row, "NIK"), asked)
    if said and all(_NOT_FOUND.match(words) for words in said):
        if any(compared) or code in {"00", _INACTIVE_CODE}:
            raise Retryable(UNREADABLE)
        return Missing.NOT_FOUND
    if code == _INACTIVE_CODE:
        return _inactive(said)
    require_found(code, said)
    return _verdict(compared, asked)


def _inactive(said: Sequence[str]) -> Verdict:
    if not all(_INACTIVE.match(words) for words in said):
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
    if nik and (nik != asked.nik if NIK.match(nik) else comparison is None or comparison["no"]):
        raise Retryable(UNREADABLE)
