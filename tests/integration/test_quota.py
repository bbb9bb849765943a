"""The day's quota of calls over real PostgreSQL: leased in blocks, never exceeded, and at its end work waits."""

import asyncio
from datetime import timedelta

from registration.checks import Kind, State
from registration.store.database import Database
from registration.store.quota import lease_calls, return_calls
from tests.integration.test_workers import Bench, bench, eventually

__all__ = ["bench"]  # the fixture

QUOTA = 100


async def test_workers_that_race_for_it_get_the_quota_and_no_more(database: Database) -> None:
    """Forty at once, and the blocks add up."""
    blocks = await asyncio.gather(*(lease_calls(database, Kind.NIK, quota=QUOTA, wanted=7) for _ in range(40)))
    assert sum(block.calls for block in blocks) == QUOTA
    assert min(block.left_over for block in blocks) == 0
    assert all(0 < block.seconds <= 86_400 for block in blocks)


async def test_what_is_given_back_can_be_leased_again(database: Database) -> None:
    """A worker that stops in order loses nothing of the day."""
    block = await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=QUOTA)
    assert (await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=1)).calls == 0
    await return_calls(database, Kind.NIK, day=block.day, count=30)
    assert (await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=QUOTA)).calls == 30


async def test_a_new_day_has_a_quota_of_its_own(database: Database) -> None:
    """What was used yesterday is yesterday's."""
    block = await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=QUOTA)
    await database.fetch("update ministry_quota set day = $1", block.day - timedelta(days=1))
    assert (await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=10)).calls == 10


async def test_a_quota_that_is_lowered_in_use_gives_nothing_more(database: Database) -> None:
    """And one that is raised goes on from what was used."""
    await lease_calls(database, Kind.NIK, quota=QUOTA, wanted=60)
    assert (await lease_calls(database, Kind.NIK, quota=50, wanted=10)).calls == 0
    assert (await lease_calls(database, Kind.NIK, quota=70, wanted=60)).calls == 10


async def test_at_the_quotas_end_work_waits_unharmed_until_there_is_more(bench: Bench) -> None:
    """Nothing fails, nothing is charged, nothing is set aside; with the next day's quota everything ends."""
    registrations = await bench.register(*(bench.person() for _ in range(30)))

    async def verified() -> int:
        checks = [await bench.check(item, Kind.NIK) for item in registrations]
        assert {check.state for check in checks} <= {State.PENDING, State.VERIFIED}
        return sum(check.state is State.VERIFIED for check in checks)

    async def ten() -> bool:
        return await verified() == 10

    async with (
        bench.worker(Kind.NIK, ministry_daily_quota=10),
        bench.worker(Kind.NIK, ministry_daily_quota=10, consumer="2"),
    ):
        await eventually(ten)
        await asyncio.sleep(1.0)
        assert await verified() == 10
    assert await bench.calls() == 10
    rows = await bench.database.fetch("select sum(nik_attempts) as attempts from registrations")
    assert rows[0]["attempts"] == 10
    assert await bench.dead_letters() == []

    async def all_of_them() -> bool:
        return await verified() == len(registrations)

    await bench.database.fetch("update ministry_quota set day = day - 1")
    async with bench.worker(Kind.NIK, ministry_daily_quota=1_000):
        await eventually(all_of_them)
