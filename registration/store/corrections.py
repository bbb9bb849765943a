"""What an applicant corrects of a registration: read, then replaced by compare-and-set.

Guarantee: new data, the checks that depend on it and a new link or code are one commit, or nothing changes. A row that
was written meanwhile (sealed anew, corrected by another tap) is left alone, and the caller looks again. If the process
dies, either all of it happened or none; the same request again finds out which.
"""

import enum
from collections.abc import Sequence
from uuid import UUID

import msgspec

from registration.checks import MOVES, Check, Kind, Move
from registration.store.check_rows import checks_of
from registration.store.database import Database
from registration.store.statements import statement


class Standing(msgspec.Struct, frozen=True):
    """A registration as a correction finds it. `last_correction` is the content digest of the one before."""

    sealed: bytes
    checks: dict[Kind, Check]
    last_correction: bytes | None


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What takes the place of `expected`: nothing in clear. `kinds` are checked again."""

    id: UUID
    expected: bytes
    sealed: bytes
    nik_digest: bytes
    identity_digest: bytes
    kinds: Sequence[Kind]
    fields: Sequence[str]
    content_digest: bytes


class Result(enum.Enum):
    """What came of a correction."""

    CORRECTED = "corrected"
    STALE = "stale"  # the row was written meanwhile: look again
    LIMITED = "limited"  # the hour's links, codes or corrections are used up


async def read_standing(database: Database, registration_id: UUID) -> Standing | None:
    """What a correction starts from, or None when there is no such registration."""
    row = await database.fetch_row(statement("read_correctable"), registration_id)
    if row is None:
        return None
    return Standing(row["sealed"], checks_of(row), row["last_correction"])


async def correct(
    database: Database, correction: Correction, *, challenges_per_hour: int, corrections_per_hour: int
) -> Result:
    """Replace the data and open the checks again; raises `Retryable`: then asking again finds out."""
    row = await database.fetch_row(
        statement("correct_registration"),
        correction.id,
        correction.expected,
        correction.sealed,
        correction.nik_digest,
        correction.identity_digest,
        [kind.value for kind in correction.kinds],
        [state.value for state in MOVES[Kind.NIK][Move.CORRECT].sources],  # the same for every kind
        list(correction.fields),
        correction.content_digest,
        challenges_per_hour,
        corrections_per_hour,
    )
    if row is not None and row["corrected"]:
        return Result.CORRECTED
    return Result.LIMITED if row is not None and row["found"] else Result.STALE
