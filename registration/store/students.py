"""The student check in PostgreSQL, as far as it differs from others: how it begins, and how it is asked for again.

Guarantee: a check begins once, and only after its NIK was verified. If the process dies, what was not begun is found
again by the next look.
"""

from uuid import UUID

from registration.checks import MOVES, Kind, Move
from registration.store.database import Database
from registration.store.statements import statement


async def begin(database: Database, limit: int) -> int:
    """Begin the check of those whose NIK is verified, the longest registered first; how many. Raises `Retryable`."""
    return len(await database.fetch(statement("begin_students"), limit))


async def ask_again(database: Database, registration_id: UUID, *, after_seconds: float) -> float | None:
    """Give a rejected check back to the workers, so long after its rejection; returns the seconds that are missing.

    0 when it was given back, None where there is none to be. Raises `Retryable`; asking again is harmless.
    """
    sources = [state.value for state in MOVES[Kind.STUDENT][Move.RECHECK].sources]
    row = await database.fetch_row(statement("ask_student_again"), registration_id, after_seconds, sources)
    if row is None:
        return None
    return 0.0 if row["reopened"] else float(row["wait_seconds"])
