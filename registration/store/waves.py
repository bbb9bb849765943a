"""Waves as PostgreSQL keeps them: planned, opened, joined, closed, selected.

Guarantee: a join is committed while the wave is open by PostgreSQL's clock, or not at all; nobody joins after `close`
returned. A selection is one transaction: all ranks and all beneficiaries, or nothing. A person who has the benefit
cannot get it again: the table's key refuses it, whatever races. If the process dies in between, asking again finds out.
"""

import enum
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg.exceptions import ExclusionViolationError

from registration.store.database import Database, Row
from registration.store.statements import statement
from registration.waves import Entry, Place, Rules, Wave, commitment, select


class Joining(enum.StrEnum):
    """What came of joining."""

    JOINED = "joined"
    NOT_OPEN = "not_open"
    INCOMPLETE = "incomplete"
    NOT_TESTED = "not_tested"
    ALREADY_SELECTED = "already_selected"
    RACED = "raced"


class WaveRecord(msgspec.Struct, frozen=True):
    """A wave and what became of it; `now` is PostgreSQL's time when this was read."""

    wave: Wave
    seed_commitment: str
    lottery_nonce: bytes
    lottery_seed: bytes | None
    now: datetime
    opened_at: datetime | None
    opened_by: str | None
    proof: str | None
    override_reason: str | None
    closed_at: datetime | None
    selected_at: datetime | None
    rules: dict[str, Any] | None
    announce_at: datetime | None
    started: int
    scored: int
    joined: int
    selected: int
    told: int
    untold: int


class Lottery(msgspec.Struct, frozen=True):
    """The lottery of a wave that is being planned: what is published, and the nonce that its seed is derived from."""

    commitment: str
    nonce: bytes


class OverlapError(Exception):
    """Another wave has a part of the time: nothing was planned."""


class NotReadyError(Exception):
    """The wave is not closed, or selected already; the message says which wave."""


async def plan(database: Database, waves: Sequence[Wave], lotteries: Sequence[Lottery]) -> Sequence[int]:
    """Plan waves; returns the numbers that are new. A wave whose number is taken stays as it was.

    Raises `OverlapError`.
    """
    try:
        rows = await database.fetch(
            statement("plan_waves"),
            [wave.number for wave in waves],
            [wave.opens_at for wave in waves],
            [wave.closes_at for wave in waves],
            [wave.quota for wave in waves],
            [lottery.commitment for lottery in lotteries],
            [lottery.nonce for lottery in lotteries],
        )
    except ExclusionViolationError as error:
        raise OverlapError from error
    return [row["number"] for row in rows]


async def list_waves(database: Database, number: int | None = None) -> Sequence[WaveRecord]:
    """All waves by number, or the one with this number."""
    return [_record(row) for row in await database.fetch(statement("list_waves"), number)]


async def open_wave(
    database: Database, number: int, *, actor: str, proof: str | None = None, override_reason: str | None = None
) -> bool:
    """Open a planned wave, under a capacity proof or with a reason for doing without; False when it cannot be."""
    row = await database.fetch_row(statement("open_wave"), number, actor, proof, override_reason)
    return row is not None


async def close_wave(database: Database, number: int, *, early: bool) -> bool:
    """Close an opened wave for good, `early` also before its time; False when there was nothing to close."""
    return await database.fetch_row(statement("close_wave"), number, early) is not None


async def close_ended(database: Database) -> Sequence[int]:
    """Close the opened waves whose time is up; returns their numbers."""
    return [row["number"] for row in await database.fetch(statement("close_ended_waves"))]


async def join(
    database: Database, wave: int, ids: Sequence[UUID], tickets: Sequence[UUID], *, asks_students: bool
) -> Sequence[Joining]:
    """Let applicants join a wave, in one commit; one answer each, in order. Joining again changes nothing."""
    rows = await database.fetch(statement("join_wave"), ids, tickets, wave, asks_students)
    by_id = {row["id"]: Joining(row["outcome"]) for row in rows}
    return [by_id[item] for item in ids]


async def run_selection(
    database: Database, number: int, *, rules: Rules, seed: Callable[[int, bytes], bytes]
) -> Sequence[Place]:
    """Select a closed wave's participants, once and for all; returns everybody's place.

    `seed` gives the lottery's seed for a number and its nonce (`registration.lots`); one that is not what was promised
    is refused (`ValueError`). Raises `NotReadyError` when the wave is not closed or was selected before.
    """
    async with database.transaction() as connection:
        found = await connection.fetch(statement("lock_closed_wave"), number)
        if not found:
            raise NotReadyError(f"wave {number} is not closed, or is selected already")
        revealed = seed(number, found[0]["lottery_nonce"])
        if commitment(revealed) != found[0]["seed_commitment"]:
            raise ValueError("the key ring is not the one that this wave's lottery was planned with")
        rows = await connection.fetch(statement("read_entries"), number)
        places = select([_entry(row) for row in rows], rules=rules, seed=revealed, quota=found[0]["quota"])
        await connection.fetch(
            statement("record_ranks"),
            number,
            [UUID(place.entry.ticket) for place in places],
            [place.rank for place in places],
            [place.selected for place in places],
        )
        await connection.fetch(statement("record_beneficiaries"), number)
        await connection.fetch(statement("mark_selected"), number, msgspec.json.encode(rules).decode(), revealed)
    return places


async def read_places(database: Database, number: int, *, rules: Rules) -> Sequence[Place]:
    """Where everybody came in a wave that is selected, best first."""
    rows = await database.fetch(statement("read_places"), number)
    entries = [_entry(row) for row in rows]
    return [
        Place(entry, row["rank"], rules.score(entry), row["selected"]) for entry, row in zip(entries, rows, strict=True)
    ]


def _entry(row: Row) -> Entry:
    return Entry(row["ticket"].hex, row["motivation"], row["maths"], row["affected"])


def _record(row: Row) -> WaveRecord:
    plan_of = Wave(row["number"], row["opens_at"], row["closes_at"], row["quota"])
    rest = {name: row[name] for name in WaveRecord.__struct_fields__ if name not in {"wave", "rules"}}
    return WaveRecord(wave=plan_of, rules=None if row["rules"] is None else json.loads(row["rules"]), **rest)
