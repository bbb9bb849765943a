"""Four whole workers and a ministry with a contract: by its own count the ceiling holds, whatever becomes of Valkey."""

import asyncio
import time
from typing import Any

import aiohttp

from gelombang import embedded
from registration.checks import Kind, State
from tests.integration.test_workers import Bench, bench, eventually

__all__ = ["bench"]  # the fixture

RATE = 60
SLOTS = 24
CEILING = {
    "ministry_rate_per_second": float(RATE),
    "ministry_concurrency": SLOTS,
    "ministry_workers": 4,
    "ministry_timeout_seconds": 1.0,
    "lease_seconds": 2.0,
}


async def tell(bench: Bench, **mood: object) -> None:
    """Set the stand-in's mood."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{bench.outside.ministry_url}/control", json=mood) as response,
    ):
        assert response.status == 200


async def count(bench: Bench) -> dict[str, Any]:
    """What the stand-in counted."""
    async with aiohttp.ClientSession() as session, session.get(f"{bench.outside.ministry_url}/calls") as response:
        counted: dict[str, Any] = await response.json()
        return counted


async def test_no_second_and_no_moment_is_over_the_ceiling_while_valkey_is_killed(
    bench: Bench, servers: embedded.Servers
) -> None:
    """Killed in mid-work and back, with what its file knew: 0 breaches, and all work ends."""
    await tell(bench, latency_seconds=0.1, latency_sigma=0.5)
    registrations = await bench.register(*(bench.person() for _ in range(400)))

    async def verified() -> int:
        checks = [await bench.check(item, Kind.NIK) for item in registrations[::10]]
        return sum(check.state is State.VERIFIED for check in checks)

    async def some() -> bool:
        return await verified() >= 15

    async def all_of_them() -> bool:
        return await verified() == 40

    async with (
        bench.worker(Kind.NIK, consumer="1", **CEILING),
        bench.worker(Kind.NIK, consumer="2", **CEILING),
        bench.worker(Kind.NIK, consumer="3", **CEILING),
        bench.worker(Kind.NIK, consumer="4", **CEILING),
    ):
        await eventually(some)
        servers.valkey.kill()
        await asyncio.sleep(0.3)
        servers.valkey.start()
        await eventually(all_of_them)
    counted = await count(bench)
    assert counted["peak_per_second"] <= RATE
    assert counted["peak_concurrency"] <= SLOTS
    assert len(registrations) <= counted["total"] <= len(registrations) + SLOTS


async def test_a_registry_that_asks_to_be_left_alone_is_left_alone_by_all(bench: Bench) -> None:
    """429 with Retry-After: nobody calls before it is over, and the check is asked about again."""
    first, second = await bench.register(bench.person(), bench.person())
    await tell(bench, faults={"http_429": 1.0}, retry_after_seconds=3)

    async def refused() -> bool:
        return await bench.calls() >= 1

    async with bench.worker(Kind.NIK, **CEILING):
        await eventually(refused)
        asked_at = time.monotonic()
        before = await bench.calls()
        await tell(bench)
        await bench.ended(first, Kind.NIK, State.VERIFIED)
        await bench.ended(second, Kind.NIK, State.VERIFIED)
    assert before <= 2
    assert time.monotonic() - asked_at > 2.0
