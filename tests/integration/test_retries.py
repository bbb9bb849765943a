"""Whole workers and a registry that fails: by its own count retries stay few, and first tries go before them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from registration.checks import Kind
from tests.integration.test_ceiling import count, tell
from tests.integration.test_workers import Bench, bench, eventually

__all__ = ["bench"]  # the fixture

PEOPLE = 150


async def states(bench: Bench) -> dict[str, int]:
    """How many NIK checks are in each state."""
    rows = await bench.database.fetch("select nik_state, count(*) from registrations group by 1")
    return {row["nik_state"]: row["count"] for row in rows}


async def until_asked(bench: Bench, niks: int) -> None:
    """The registry was asked about so many people."""

    async def asked() -> bool:
        return int((await count(bench))["niks"]) >= niks

    await eventually(asked)


async def until_verified(bench: Bench, people: int) -> None:
    """So many have their verdict."""

    async def verified() -> bool:
        return (await states(bench)).get("verified", 0) >= people

    await eventually(verified)


async def register(bench: Bench) -> Sequence[UUID]:
    """Another lot of people."""
    return await bench.register(*(bench.person() for _ in range(PEOPLE)))


async def test_a_healthy_registry_is_asked_once_about_each_person(bench: Bench) -> None:
    """0 % failures: calls for each distinct verdict at most 1.01."""
    await register(bench)
    async with bench.worker(Kind.NIK, consumer="1"), bench.worker(Kind.NIK, consumer="2"):
        await until_verified(bench, PEOPLE)
    assert await bench.calls() <= 1.01 * PEOPLE


async def test_with_a_third_failing_first_tries_go_out_and_retries_wait_uncharged(bench: Bench) -> None:
    """30 % failures: every person is asked about before retries cost a tenth more, and afterwards all have a verdict.

    Attempts are charged for calls alone, so what was held back was charged none.
    """
    await tell(bench, faults={"http_500": 0.3})
    await register(bench)
    async with bench.worker(Kind.NIK, consumer="1"), bench.worker(Kind.NIK, consumer="2"):
        await until_asked(bench, PEOPLE)
        await register(bench)  # behind retries that are due: only a budget lets these go first
        await until_asked(bench, 2 * PEOPLE)
        counted = await count(bench)
        assert counted["total"] <= 1.10 * counted["niks"]
        await tell(bench)
        await until_verified(bench, 2 * PEOPLE)
    counted = await count(bench)
    assert counted["by_answer"]["verdict"] == 2 * PEOPLE
    (charged,) = await bench.database.fetch("select sum(nik_attempts) as attempts from registrations")
    assert charged["attempts"] == counted["total"]


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_dead_registry_costs_few_calls_and_comes_back_to_all_its_work(bench: Bench, workers: int) -> None:
    """100 % failures and then none: what was called meanwhile is little, and each retry afterwards is a verdict."""
    await tell(bench, faults={"http_500": 1.0})
    await register(bench)
    async with asyncio.TaskGroup() as tasks:
        stop = asyncio.Event()

        async def work(consumer: str) -> None:
            async with bench.worker(Kind.NIK, consumer=consumer):
                await stop.wait()

        for number in range(workers):
            tasks.create_task(work(str(number)))
        await until_asked(bench, 5)
        await asyncio.sleep(2.0)  # in which a worker without a budget calls hundreds of times
        counted = await count(bench)
        assert counted["total"] <= 1.10 * PEOPLE
        await tell(bench)
        await register(bench)
        await until_verified(bench, 2 * PEOPLE)
        stop.set()
    assert await bench.calls() <= counted["total"] + 1.01 * 2 * PEOPLE
