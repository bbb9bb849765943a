"""Messages that tell a wave's result: planned once, each sent when it is due.

Guarantee: a message that was planned is sent, or given up with a cause; a sender that dies leaves what it had in hand
due again after the lease, so somebody may get the same message twice, never none.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registration.store.database import Database
from registration.store.statements import statement


class Announcement(msgspec.Struct, frozen=True):
    """One message in hand. `attempts` counts this try."""

    wave: int
    registration_id: UUID
    channel: str
    attempts: int
    sealed: bytes
    selected: bool


class Settlement(msgspec.Struct, frozen=True):
    """What came of it: sent (no `cause`), to be tried again after `wait_seconds`, or given up (no wait)."""

    announcement: Announcement
    cause: str | None = None
    wait_seconds: float | None = None


async def plan(database: Database, wave: int, *, at: datetime, per_second: float) -> int | None:
    """Plan the announcement of a selected wave; returns how many messages, None when there was nothing to plan."""
    (row,) = await database.fetch(statement("plan_announcements"), wave, at, per_second)
    return int(row["messages"]) if row["waves"] else None


async def claim(database: Database, *, limit: int, lease_seconds: float) -> Sequence[Announcement]:
    """Take messages that are due."""
    rows = await database.fetch(statement("claim_announcements"), limit, lease_seconds)
    return [Announcement(**{name: row[name] for name in Announcement.__struct_fields__}) for row in rows]


async def settle(database: Database, settlements: Sequence[Settlement]) -> None:
    """Write what came of messages; what was sent before stays so."""
    await database.fetch(
        statement("settle_announcements"),
        [item.announcement.wave for item in settlements],
        [item.announcement.registration_id for item in settlements],
        [item.announcement.channel for item in settlements],
        [item.cause for item in settlements],
        [item.wait_seconds for item in settlements],
    )
