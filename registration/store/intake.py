"""What the front door writes and reads: acceptance, status, answers to links and codes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registration.checks import MOVES, Check, Kind, Move, State
from registration.errors import Retryable
from registration.store.check_rows import checks_of
from registration.store.database import Database, Row
from registration.store.statements import statement


class Registration(msgspec.Struct, frozen=True):
    """A registration on its way in: nothing in clear."""

    id: UUID
    content_digest: bytes
    nik_digest: bytes
    identity_digest: bytes
    sealed: bytes


class Accepted(msgspec.Struct, frozen=True):
    """A registration that is committed. `content_digest` is of the content that was stored first."""

    id: UUID
    received_at: datetime
    content_digest: bytes
    is_new: bool


class Status(msgspec.Struct, frozen=True):
    """Where a registration stands."""

    received_at: datetime
    checks: dict[Kind, Check]


class PhoneCodeState(msgspec.Struct, frozen=True):
    """The newest code of a registration."""

    tries: int
    expired: bool


class EmailLinkState(msgspec.Struct, frozen=True):
    """What a genuine link is still good for."""

    state: State
    newest: bool
    expired: bool


async def accept(database: Database, batch: Sequence[Registration]) -> Sequence[Accepted]:
    """Commit a batch with ids of its own; returns one `Accepted` per registration, in order.

    Raises `Retryable`: then the outcome is unknown, and asking again with the same ids finds out.
    """
    (row,) = await database.fetch(
        statement("accept_batch"),
        [registration.id for registration in batch],
        [registration.content_digest for registration in batch],
        [registration.nik_digest for registration in batch],
        [registration.identity_digest for registration in batch],
        [registration.sealed for registration in batch],
        len(batch),
    )
    received_at = row["received_at"]
    if row["count"] == len(batch):
        return [Accepted(item.id, received_at, item.content_digest, is_new=True) for item in batch]
    new = frozenset(row["ids"] or ())
    known = await find_accepted(database, [item.id for item in batch if item.id not in new])
    earlier = {found.id: found for found in known}
    if len(earlier) + len(new) < len(batch):
        raise Retryable("registration_erased")  # between the two statements; asking again takes it in anew
    return [
        Accepted(item.id, received_at, item.content_digest, is_new=True) if item.id in new else earlier[item.id]
        for item in batch
    ]


async def find_accepted(database: Database, ids: Sequence[UUID]) -> Sequence[Accepted]:
    """Those of these registrations that are there already."""
    rows = await database.fetch(statement("find_accepted"), ids)
    return [Accepted(row["id"], row["received_at"], row["content_digest"], is_new=False) for row in rows]


async def read_status(database: Database, registration_id: UUID) -> Status | None:
    """Where a registration stands, or None when there is none."""
    return (await read_statuses(database, [registration_id])).get(registration_id)


async def read_statuses(database: Database, ids: Sequence[UUID]) -> dict[UUID, Status]:
    """Where those of these registrations stand that there are; one look into the key's index for each."""
    return {row["id"]: _status(row) for row in await database.fetch(statement("read_statuses"), ids)}


async def read_email_link(database: Database, registration_id: UUID, generation: int) -> EmailLinkState | None:
    """What a link is good for, without using it; None when no such link was made."""
    row = await database.fetch_row(statement("read_email_link"), registration_id, generation)
    return None if row is None else EmailLinkState(State(row["email_state"]), row["newest"], row["expired"])


async def answer_email_link(database: Database, registration_id: UUID, generation: int) -> State | None:
    """Use up a link. Returns where the NIK check stands when it counted, None when it was worthless."""
    row = await database.fetch_row(
        statement("answer_email_link"), registration_id, generation, _sources(Kind.EMAIL, Move.ANSWER)
    )
    return None if row is None else State(row["nik_state"])


async def count_phone_try(database: Database, registration_id: UUID, tries: int) -> int | None:
    """Count a try of the newest code, before it is compared; returns its generation, None when no try is left."""
    row = await database.fetch_row(statement("count_phone_try"), registration_id, tries)
    return None if row is None else int(row["generation"])


async def read_phone_code(database: Database, registration_id: UUID) -> PhoneCodeState | None:
    """Why the newest code takes no more tries; None when no code was ever made."""
    row = await database.fetch_row(statement("read_phone_code"), registration_id)
    return None if row is None else PhoneCodeState(row["tries"], row["expired"])


async def answer_phone_code(database: Database, registration_id: UUID, generation: int) -> bool:
    """Record that the right code was typed; False when it no longer counts."""
    row = await database.fetch_row(
        statement("answer_phone_code"), registration_id, generation, _sources(Kind.PHONE, Move.ANSWER)
    )
    return row is not None


async def open_challenge(database: Database, kind: Kind, registration_id: UUID, *, per_hour: int) -> bool:
    """Ask the workers for a new link or code; False when the hour's number is used up or none is out."""
    row = await database.fetch_row(
        statement("open_challenge", kind), registration_id, per_hour, _sources(kind, Move.RESEND)
    )
    return row is not None


def _status(row: Row) -> Status:
    return Status(row["received_at"], checks_of(row))


def _sources(kind: Kind, move: Move) -> list[str]:
    return [state.value for state in MOVES[kind][move].sources]
