"""What is held about one person: found, read whole, acted on, erased, and each of these noted.

Guarantee: an erasure and its note are one commit. After it nothing of the person is in any table but ids in the notes,
and no worker can bring anything back: a late outcome finds no row. If the process dies before the commit, nothing has
happened; running it again is harmless. What backups need is in docs/subject-rights.md.
"""

import enum
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from registration.store.database import Connection, Database, Row
from registration.store.statements import statement


class Action(enum.StrEnum):
    """What is done with a person's data."""

    EXPORT = "export"
    PREVIEW = "preview"
    ERASE = "erase"
    # By call-centre staff (docs/desk.md):
    LOOK = "look"
    RESEND = "resend"
    NOTE = "note"


class Note(msgspec.Struct, frozen=True):
    """Who does it and why: a user of the machine, a ticket's number; nothing personal about the subject."""

    actor: str
    reason: str


class Held(msgspec.Struct, frozen=True):
    """All that is held about one registration. What is a mapping or a list is a row or rows as they stand."""

    id: UUID
    sealed: bytes
    registration: dict[str, Any]
    registry_verdict: dict[str, Any] | None
    owns_nik_since: str | None
    challenges: list[dict[str, Any]]
    dead_letters: list[dict[str, Any]]
    corrections: list[dict[str, Any]]
    photos: list[dict[str, Any]]
    assessments: list[dict[str, Any]]
    joins: list[dict[str, Any]]
    announcements: list[dict[str, Any]]
    benefits_of_wave: int | None
    listed_by: str | None
    actions: list[dict[str, Any]]


class Extent(msgspec.Struct, frozen=True):
    """How many rows are, or would be, destroyed. `registry_verdicts` is known only after the erasure."""

    registrations: int
    challenges: int
    dead_letters: int
    nik_owners: int
    photos: int = 0
    registry_verdicts: int = 0


async def find(database: Database, nik_digest: bytes) -> Sequence[UUID]:
    """The registrations of a NIK, the first first. Reads the whole table."""
    return [row["id"] for row in await database.fetch(statement("find_subject"), nik_digest)]


async def export(database: Database, ids: Sequence[UUID], note: Note) -> Sequence[Held]:
    """All that is held about these registrations. The note is committed before anything is returned."""
    rows = await database.fetch(statement("read_subject"), ids)
    async with database.transaction() as connection:
        await _note(connection, Action.EXPORT, [row["id"] for row in rows], note)
    return [_held(row) for row in rows]


async def attend(
    database: Database, action: Action, registration_id: UUID | None, note: Note, *, about: Sequence[str] = ()
) -> Held | None:
    """What is held about one registration that somebody looks at or is about to act on; None when nothing is.

    The note is committed before anything is returned, also that nothing was found. `about` is what the act concerns:
    kinds of checks or names of fields, never a value.
    """
    held = None if registration_id is None else await read(database, registration_id)
    async with database.transaction() as connection:
        await _note(connection, action, [held.id] if held else [], note, about)
    return held


async def read(database: Database, registration_id: UUID) -> Held | None:
    """What is held as it stands now, for whom `attend` has noted already."""
    row = await database.fetch_row(statement("read_subject"), [registration_id])
    return None if row is None else _held(row)


async def preview(database: Database, ids: Sequence[UUID], note: Note) -> Extent:
    """What `erase` would destroy."""
    async with database.transaction() as connection:
        extent = await _extent(connection, ids)
        await _note(connection, Action.PREVIEW, ids if extent.registrations else [], note)
    return extent


async def erase(database: Database, ids: Sequence[UUID], note: Note) -> Extent:
    """Destroy these registrations and all that hangs on them; returns what was destroyed.

    The registry's verdict on an identity stays while another registration of the same identity needs it.
    """
    async with database.transaction() as connection:
        extent = await _extent(connection, ids)
        erased = await connection.fetch(statement("erase_registrations"), ids)
        digests = [digest for row in erased for digest in (row["identity_digest"], *row["former_identity_digests"])]
        verdicts = await connection.fetch(statement("erase_verdicts"), digests) if digests else []
        await _note(connection, Action.ERASE, [row["id"] for row in erased], note)
    return msgspec.structs.replace(extent, registrations=len(erased), registry_verdicts=len(verdicts))


async def _extent(connection: Connection, ids: Sequence[UUID]) -> Extent:
    (row,) = await connection.fetch(statement("count_subject"), ids)
    return Extent(row["registrations"], row["challenges"], row["dead_letters"], row["nik_owners"], row["photos"])


async def _note(
    connection: Connection, action: Action, ids: Sequence[UUID], note: Note, about: Sequence[str] = ()
) -> None:
    await connection.fetch(
        statement("note_subject_action"), action.value, list(ids) or [None], note.actor, note.reason, list(about)
    )


def _held(row: Row) -> Held:
    def read(name: str) -> Any:  # noqa: ANN401 - PostgreSQL's JSON
        return None if row[name] is None else json.loads(row[name])

    return Held(
        id=row["id"],
        sealed=row["sealed"],
        registration=read("registration"),
        registry_verdict=read("registry_verdict"),
        owns_nik_since=read("owns_nik_since"),
        challenges=read("challenges"),
        dead_letters=read("dead_letters"),
        corrections=read("corrections"),
        photos=read("photos"),
        assessments=read("assessments"),
        joins=read("joins"),
        announcements=read("announcements"),
        benefits_of_wave=read("benefits_of_wave"),
        listed_by=read("listed_by"),
        actions=read("actions"),
    )
