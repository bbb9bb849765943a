"""Pauses: a kind of work stopped by a person or by the system, until a person resumes it.

Guarantee: a pause outlives every process and a wiped Valkey. Workers look every second, so the last fetch of a paused
kind begins at most that much later; work in hand is finished.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from registration.checks import Kind
from registration.store.database import Database
from registration.store.statements import statement


class Pause(msgspec.Struct, frozen=True):
    """A kind that is paused, why, and by whom since when."""

    kind: Kind
    reason: str
    paused_by: str
    paused_at: datetime


async def read_pauses(database: Database) -> Sequence[Pause]:
    """What is paused now. Raises `Retryable`."""
    rows = await database.fetch(statement("read_pauses"))
    return [
        Pause(Kind(row["kind"]), row["reason"], row["paused_by"], row["paused_at"])
        for row in rows
        if row["kind"] in list(Kind)  # a newer program may know more kinds
    ]


async def pause(database: Database, kind: Kind, *, reason: str, by: str) -> bool:
    """Pause a kind; False when it was paused already, and then its first reason stays. Raises `Retryable`."""
    return bool(await database.fetch(statement("pause_kind"), kind.value, reason, by))


async def resume(database: Database, kind: Kind, *, by: str) -> bool:
    """End a kind's pause; False when there was none. Raises `Retryable`."""
    return bool(await database.fetch(statement("resume_kind"), kind.value, by))
