"""How the ministry stand-in counts calls and behaves under many of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulators.ministry.calls import Calls
from simulators.stand_ins import StandIns

VERIFY = "/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN"
NIK = "3174010302900001"
OTHER_NIK = "3174010302900002"
MILLISECOND = 1_000_000


@pytest.fixture
async def ministry() -> AsyncIterator[aiohttp.ClientSession]:
    async with StandIns(seed=1) as outside, aiohttp.ClientSession(outside.ministry_url) as session:
        yield session


async def verify(ministry: aiohttp.ClientSession, nik: str = NIK) -> int:
    async with ministry.post(VERIFY, json={"NIK": nik}) as response:
        await response.read()
        return response.status


async def calls(ministry: aiohttp.ClientSession, **narrowed: str) -> dict[str, Any]:
    async with ministry.get("/calls", params=narrowed) as response:
        report: dict[str, Any] = await response.json()
        return report


async def until_inside(ministry: aiohttp.ClientSession, count: int) -> None:
    while (await calls(ministry))["concurrency"] != count:
        pass


async def set_control(ministry: aiohttp.ClientSession, **control: object) -> None:
    async with ministry.put("/control", json=control) as response:
        assert response.status == 200


async def test_every_call_is_counted_by_nik_and_by_answer(ministry: aiohttp.ClientSession) -> None:
    """The account tells who was asked for and what callers got."""
    for nik in (NIK, NIK, OTHER_NIK, "3174010302909500"):
        await verify(ministry, nik)
    report = await calls(ministry)
    assert report["total"] == 4
    assert report["by_nik"] == {NIK: 2, OTHER_NIK: 1, "3174010302909500": 1}
    assert report["by_answer"] == {"verdict": 3, "http_500": 1}
    assert (report["concurrency"], report["peak_concurrency"], report["forgotten_niks"]) == (0, 1, 0)


async def test_the_account_can_be_narrowed_to_one_nik(ministry: aiohttp.ClientSession) -> None:
    """Total and by_nik are then of that NIK, zero for one that nobody asked for."""
    for nik in (NIK, NIK, OTHER_NIK):
        await verify(ministry, nik)
    narrowed = await calls(ministry, nik=NIK)
    assert (narrowed["total"], narrowed["by_nik"]) == (2, {NIK: 2})
    unknown = await calls(ministry, nik="3174010302900003")
    assert (unknown["total"], unknown["by_nik"]) == (0, {"3174010302900003": 0})


async def test_refused_calls_count_too(ministry: aiohttp.ClientSession) -> None:
    """A ministry that is down has still been called."""
    await set_control(ministry, down=True)
    assert await verify(ministry) == 503
    assert (await calls(ministry))["by_answer"] == {"down": 1}


async def test_deleting_the_account_starts_from_zero(ministry: aiohttp.ClientSession) -> None:
    """Nothing of before is left."""
    await verify(ministry)
    async with ministry.delete("/calls") as response:
        assert response.status == 204
    report = await calls(ministry)
    assert not any((report["total"], report["by_nik"], report["by_answer"], report["peak_per_second"]))


async def test_calls_beyond_the_capacity_queue_up_until_there_is_room(ministry: aiohttp.ClientSession) -> None:
    """Two are served and hold their servers, three wait, and more capacity lets the waiting in."""
    await set_control(ministry, capacity=2, latency_seconds=3600)
    waiting = [asyncio.create_task(verify(ministry)) for _ in range(5)]
    await until_inside(ministry, 5)
    await set_control(ministry, capacity=3)
    await until_inside(ministry, 2)
    report = await calls(ministry)
    assert (report["peak_concurrency"], report["by_answer"]) == (5, {"verdict": 3})
    for call in waiting:
        call.cancel()
    await until_inside(ministry, 0)


async def test_an_abandoned_call_still_holds_its_server(ministry: aiohttp.ClientSession) -> None:
    """The ministry does not notice that a caller has gone: the next one waits all the same."""
    await set_control(ministry, capacity=1, latency_seconds=3600)
    gone = asyncio.create_task(verify(ministry))
    await until_inside(ministry, 1)
    gone.cancel()
    await until_inside(ministry, 0)
    await set_control(ministry, capacity=1)
    next_call = asyncio.create_task(verify(ministry))
    await until_inside(ministry, 1)
    assert not next_call.done()
    await set_control(ministry, capacity=2)
    assert await next_call == 200


async def test_a_caller_that_leaves_the_queue_takes_no_server(ministry: aiohttp.ClientSession) -> None:
    """Its place goes to whoever waits behind it."""
    await set_control(ministry, capacity=1, latency_seconds=3600)
    served, leaving, staying = (asyncio.create_task(verify(ministry)) for _ in range(3))
    await until_inside(ministry, 3)
    inside_first = await calls(ministry)
    assert inside_first["by_answer"] == {}
    leaving.cancel()
    await until_inside(ministry, 2)
    await set_control(ministry, capacity=2)
    assert await staying == 200
    served.cancel()
    await until_inside(ministry, 0)


def test_the_peak_is_of_any_second_not_of_clock_seconds() -> None:
    """A burst across the border of two seconds counts as one; calls a second apart do not add up."""
    now = 0
    account = Calls(nanoseconds=lambda: now)
    for millisecond in (0, 900, 900, 950, 1000, 1899, 1900, 5000):
        now = millisecond * MILLISECOND
        account.begin(NIK)
        account.end("verdict")
    # 900, 900, 950, 1000 and 1899; at 1900 the calls of 900 are a whole second ago.
    assert account.report().peak_per_second == 5


def test_the_account_of_niks_is_bounded() -> None:
    """The NIK that was first met is forgotten first, and the report says that some were."""
    account = Calls(remembered_niks=2)
    for nik in ("a", "b", "c"):
        account.begin(nik)
        account.end("verdict")
    report = account.report()
    assert (report.total, report.by_nik, report.forgotten_niks) == (3, {"b": 1, "c": 1}, 1)
