"""Where the system stands, from PostgreSQL and Valkey alone; what Valkey does not tell is missing, not zero."""

import os
from uuid import UUID, uuid4

import msgspec
import pytest

from gelombang import embedded
from gelombang.standing import read_standing
from registration.checks import FROM_THE_START, Kind, State
from registration.clock import SystemClock
from registration.settings import Settings
from registration.store import intake, pauses
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.quota import lease_calls
from registration.store.work import Delay, Outcome, Verdict, load_work, measure_backlog, record_outcomes
from registration.streams import keys
from registration.streams.shares import Pool, Report, Terms, exchange, read_pool
from registration.streams.streams import Streams


async def register(database: Database, count: int) -> list[UUID]:
    batch = [Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for _ in range(count)]
    await intake.accept(database, batch)
    return [item.id for item in batch]


async def record(database: Database, result: Verdict | Delay, *items: UUID) -> None:
    works = await load_work(database, Kind.NIK, items, verdict_keep_days=1.0)
    await record_outcomes(database, Kind.NIK, [Outcome(work, result) for work in works], challenge_seconds=1.0)


async def test_everything_is_read(settings: Settings, database: Database, streams: Streams) -> None:
    """Open, due, later, delayed by cause, set aside, streams, pauses."""
    items = await register(database, 10)
    await record(database, Delay("ministry_timeout", 50.0), *items[:2])
    await record(database, Delay("not_found", 3_000.0), *items[2:5])
    await record(database, Delay("poison", None), items[5])
    await record(database, Verdict(State.VERIFIED), items[6])
    await streams.offer([keys.stream(Kind.NIK)], items[7:])
    while not await streams.read([keys.stream(Kind.NIK)], consumer="1", count=1):
        pass
    await pauses.pause(database, Kind.EMAIL, reason="maintenance", by="siti")
    standing = await read_standing(database, streams, clock=SystemClock(), registries=settings.registries)
    nik, email, phone, _photo = standing.kinds

    assert (nik.kind, nik.open, nik.due, nik.dead_letters) == (Kind.NIK, 8, 3, 1)
    assert dict(nik.delayed) == {"not_found": 3, "ministry_timeout": 2}
    assert nik.streams is not None
    assert [(stream.name, stream.lag, stream.held) for stream in nik.streams] == [
        ("verify:nik:priority", 0, 0),
        ("verify:nik", 2, 1),
    ]
    assert (nik.per_second, nik.done_in_seconds) == (0.0, None)
    assert (email.paused, phone.paused) == ("maintenance (siti)", None)
    assert len(standing.concerns) == 2


async def test_work_that_is_due_later_is_counted_by_when(database: Database) -> None:
    """Each once, in the narrowest span that holds it."""
    items = await register(database, 8)
    for item, seconds in zip(items, (-5.0, 0.0, 30.0, 100.0, 3_000.0, 20_000.0, 80_000.0, 400_000.0), strict=True):
        await database.fetch(
            "update registrations set nik_due_at = now() + make_interval(secs => $2::float8) where id = $1",
            item,
            seconds,
        )
    backlog = await measure_backlog(database, Kind.NIK)

    assert (backlog.open, backlog.due) == (8, 2)
    assert dict(backlog.later) == {
        **dict.fromkeys((60.0, 600.0, 3_600.0, 21_600.0, 86_400.0), 1),
        172_800.0: 1,
    }
    assert 5.0 <= backlog.oldest_due_seconds < 60.0


async def test_what_is_left_of_the_quota_is_read(settings: Settings, database: Database, streams: Streams) -> None:
    """Of the NIK checks only, and without leasing any of it."""
    registries = msgspec.structs.replace(settings, ministry_daily_quota=1_000).registries
    await lease_calls(database, Kind.NIK, quota=1_000, wanted=300)
    for _ in range(2):
        standing = await read_standing(database, streams, clock=SystemClock(), registries=registries)

        assert [kind.quota_left for kind in standing.kinds] == [700, None, None, None]
    assert (await lease_calls(database, Kind.NIK, quota=1_000, wanted=1_000)).calls == 700


async def test_verdicts_of_the_last_minute_make_the_rate(streams: Streams) -> None:
    """Whole spans of ten seconds only, so the one under way does not count yet."""
    assert await streams.tally(Kind.NIK, 600) == 0.0
    await streams.tally(Kind.NIK, 600)
    found: dict[bytes, bytes] = await streams._redis.hgetall(keys.tally(Kind.NIK))  # noqa: SLF001 - to turn the clock
    (span,) = found
    await streams._redis.hset(keys.tally(Kind.NIK), int(span) - 2, 300)  # noqa: SLF001
    await streams._redis.hset(keys.tally(Kind.NIK), int(span) - 100, 9_999)  # noqa: SLF001

    assert await streams.tally(Kind.NIK) in {5.0, 25.0}  # 25 when the span has ended since
    assert await streams.tally(Kind.EMAIL) == 0.0


@pytest.mark.parametrize("kind", FROM_THE_START)
async def test_without_valkey_postgresql_is_told_all_the_same(
    settings: Settings, database: Database, servers: embedded.Servers, kind: Kind
) -> None:
    """And that Valkey does not answer."""
    await register(database, 3)
    unreachable = Streams(f"unix://{servers.redis_url.partition('://')[2]}.not-there", timeout_seconds=0.5, cap=10)
    standing = await read_standing(database, unreachable, clock=SystemClock(), registries=settings.registries)
    await unreachable.close()
    found = next(item for item in standing.kinds if item.kind is kind)

    assert (found.open, found.streams, found.per_second) == (3, None, None)
    assert "Valkey" in standing.concerns[0]


async def test_the_pool_of_nik_workers_is_seen_while_it_is_there(streams: Streams) -> None:
    """Limit, calls under way and the breaker's word, without taking part; nothing once all workers are gone.

    And for how long there are only static shares, since the pool is new.
    """
    assert await read_pool(streams, Kind.NIK) is None
    terms = Terms(
        ceiling_slots=40,
        static_slots=1,
        places=4,
        spacing_ms=10.0,
        horizon_ms=500.0,
        ttl_ms=2_000.0,
        hold_ms=4_000.0,
        place_ms=60_000.0,
    )
    report = Report(terms=terms, slot="1", life="a", in_flight=3)
    await exchange(streams, Kind.NIK, report)
    await exchange(streams, Kind.NIK, msgspec.structs.replace(report, limit=12, word="ministry_quota"))
    found = await read_pool(streams, Kind.NIK)
    assert found is not None
    assert 0 < found.quiet_seconds <= terms.hold_ms / 1_000
    seen = Pool(limit=12, in_flight=3, workers=1, word="ministry_quota", quiet_seconds=0.0)
    assert msgspec.structs.replace(found, quiet_seconds=0.0) == seen
    state = msgspec.msgpack.decode((await streams.read_shares(Kind.NIK))[0] or b"")
    await streams._redis.set(keys.shares(Kind.NIK), msgspec.msgpack.encode({**state, "at": state["at"] - 60_000}))  # noqa: SLF001

    assert await read_pool(streams, Kind.NIK) is None
