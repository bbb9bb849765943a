"""Where the whole system stands, read from PostgreSQL and Valkey alone: what `gelombang status` shows.

Read-only. What Valkey does not tell is missing, not zero.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from registration.checks import Kind
from registration.clock import Clock
from registration.errors import Retryable
from registration.outlook import outlook
from registration.registry import Registry
from registration.store.database import Database
from registration.store.pauses import read_pauses
from registration.store.quota import read_quota
from registration.store.work import count_delayed, measure_backlog
from registration.streams import keys
from registration.streams.shares import Pool, read_pool
from registration.streams.streams import Streams

# Work that is due should be taken up within minutes; beyond this somebody should look.
LATE_SECONDS = 900.0
SILENT_SECONDS = 60.0
_CALM = frozenset({"", "closed", "closing"})


class Stream(msgspec.Struct, frozen=True):
    """Entries of one stream: not delivered yet, and held by workers."""

    name: str
    lag: int
    held: int


class KindStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of work. `streams`, `per_second` and the registry's `pool` are None when Valkey does not answer."""

    kind: Kind
    open: int
    due: int
    oldest_due_seconds: float
    delayed: Mapping[str, int]
    dead_letters: int
    paused: str | None
    streams: tuple[Stream, ...] | None
    per_second: float | None
    done_in_seconds: float | None
    quota_left: int | None = None
    quota_ends_in_seconds: float | None = None
    pool: Pool | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All of it at one moment, and what a person should look at."""

    taken_at: datetime
    kinds: tuple[KindStanding, ...]
    concerns: tuple[str, ...]


class _Seen(msgspec.Struct, frozen=True):
    """What Valkey tells of a kind."""

    streams: tuple[Stream, ...]
    per_second: float
    pool: Pool | None


async def read_standing(
    database: Database, streams: Streams, *, clock: Clock, registries: Mapping[Kind, Registry]
) -> Standing:
    """Read everything once. Raises `Retryable` when PostgreSQL does not answer."""
    answers = await _answers(streams)
    seen = {kind: await _read_streams(streams, kind) if answers else None for kind in Kind}
    pauses = {pause.kind: f"{pause.reason} ({pause.paused_by})" for pause in await read_pauses(database)}
    kinds = tuple(
        [
            await _read_kind(database, kind, seen[kind], paused=pauses.get(kind), registry=registries.get(kind))
            for kind in Kind
        ]
    )
    kinds = tuple(
        one for one in kinds if one.kind is not Kind.STUDENT or one.kind in registries or one.open or one.pool
    )
    return Standing(taken_at=clock.now(), kinds=kinds, concerns=tuple(concerns(kinds)))


def concerns(kinds: Sequence[KindStanding]) -> Sequence[str]:
    """What a person should look at, most urgent first; nothing when all is well. Pure."""
    found = []
    if any(kind.streams is None for kind in kinds):
        found.append("Valkey does not answer: work waits in PostgreSQL")
    for kind in kinds:
        if kind.paused is not None:
            found.append(f"{kind.kind} is paused: {kind.paused}")
        elif kind.due and kind.per_second == 0 and kind.oldest_due_seconds > SILENT_SECONDS:
            found.append(f"{kind.kind}: no verdict in the last minute, and {kind.due:,} are due{_mostly(kind)}")
        elif kind.due and kind.oldest_due_seconds > LATE_SECONDS:
            found.append(f"{kind.kind}: work is due since {duration(kind.oldest_due_seconds)}{_mostly(kind)}")
        if kind.dead_letters:
            found.append(f"{kind.kind}: {kind.dead_letters:,} dead letters (gelombang dead list)")
    found += [
        f"{kind.kind}: the breaker holds calls to the registry back: {kind.pool.word}"
        for kind in kinds
        if kind.pool is not None and kind.pool.word not in _CALM
    ]
    return found


def _mostly(kind: KindStanding) -> str:
    cause = next(iter(kind.delayed), None)
    return "" if cause is None else f" (mostly {cause})"


def duration(seconds: float | None) -> str:
    """A time span in one or two units, as one says it; a dash when it is not known."""
    if seconds is None:
        return "–"
    for unit, name, smaller, less in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name} {seconds % unit // smaller:.0f} {less}"
    return f"{seconds:.0f} s"


async def _answers(streams: Streams) -> bool:
    """Whether Valkey does; else each further look would wait for its time-out."""
    try:
        await streams.ping()
    except Retryable:
        return False
    return True


async def _read_streams(streams: Streams, kind: Kind) -> _Seen | None:
    try:
        sizes = [(name, await streams.size(name)) for name in keys.streams(kind)]
        rate = await streams.tally(kind)
        pool = await read_pool(streams, kind)
    except Retryable:
        return None
    return _Seen(tuple(Stream(name, size.length - size.pending, size.pending) for name, size in sizes), rate, pool)


async def _read_kind(
    database: Database, kind: Kind, seen: _Seen | None, *, paused: str | None, registry: Registry | None
) -> KindStanding:
    backlog = await measure_backlog(database, kind)
    quota = await read_quota(database, kind, daily=registry.daily_quota) if registry else None
    ahead = outlook(due=backlog.due, later=backlog.later, per_second=seen.per_second if seen else 0.0, quota=quota)
    return KindStanding(
        kind=kind,
        open=backlog.open,
        due=backlog.due,
        oldest_due_seconds=backlog.oldest_due_seconds,
        delayed=await count_delayed(database, kind),
        dead_letters=backlog.set_aside,
        paused=paused,
        streams=seen.streams if seen else None,
        per_second=seen.per_second if seen else None,
        done_in_seconds=ahead.done_in_seconds,
        quota_left=quota.left if quota else None,
        quota_ends_in_seconds=ahead.quota_ends_in_seconds,
        pool=seen.pool if seen else None,
    )
