"""The same steps in real time: real workers, the real stand-in, a real backlog; the stand-in counts.

Point it at a local stack that nobody else uses. What it registers stays in that stack's data directory. If it dies,
nothing is written.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import msgspec

from loadtest.adaptation.rivals import Rival, calling
from loadtest.adaptation.scenarios import SIGMA, Registry
from loadtest.adaptation.study import OURS
from loadtest.adaptation.world import Scenario
from loadtest.applicants import honest

_POSTS_AT_ONCE = 32
_SPARE = 1.7  # more registrations than can be checked meanwhile, so that the backlog never runs dry
_ACCEPTED, _BUSY = 202, 503
_PER_DOMAIN = 10_000


class Live(msgspec.Struct, frozen=True):
    """What the stand-in counted: verdicts in each second, and the share of capacity of each phase after its grace."""

    policy: str
    workers: int
    points: Sequence[tuple[float, float]]
    shares: Sequence[float]
    calls: int
    most_in_flight: int


class Stack(msgspec.Struct, frozen=True):
    """Where the parts of a running stack are."""

    front_door: str
    ministry: str


async def ours(stack: Stack, registry: Registry, scenario: Scenario, *, seed: int, say: Callable[[str], None]) -> Live:
    """Fill the backlog, then play the steps to the workers of the stack."""
    wanted = int(_SPARE * scenario.phases[0].per_second * scenario.seconds)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        await _set(session, stack, registry, servers=registry.servers)
        say(f"registering {wanted} people")
        await _register(session, stack, count=wanted, seed=seed)
        return await _play(session, stack, registry, scenario, policy=OURS)


async def theirs(stack: Stack, registry: Registry, scenario: Scenario, rival: Rival) -> Live:
    """Play the same steps to callers that know nothing of the registry's capacity; the stack's workers are idle."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        await _set(session, stack, registry, servers=registry.servers)
        async with calling(stack.ministry, rival):
            return await _play(session, stack, registry, scenario, policy=rival.name)


def delivered(registry: Registry, scenario: Scenario, rates: Sequence[float]) -> Sequence[float]:
    """The share of its capacity of each phase, from when its grace is over; `rates` are of one second each."""
    ends = [phase.at_seconds for phase in scenario.phases[1:]] + [scenario.seconds]
    found = []
    for phase, end in zip(scenario.phases, ends, strict=True):
        part = rates[int(phase.at_seconds + registry.grace_seconds) : int(end)]
        found.append(sum(part) / len(part) / phase.per_second)
    return found


async def _play(
    session: aiohttp.ClientSession, stack: Stack, registry: Registry, scenario: Scenario, *, policy: str
) -> Live:
    await _reset(session, stack)
    begun, changes = time.monotonic(), list(scenario.phases[1:])
    report: dict[str, Any] = {}
    looks = [(0.0, 0)]
    for second in range(1, int(scenario.seconds) + 1):
        await asyncio.sleep(max(0.0, begun + second - time.monotonic()))
        report = await _read(session, stack)
        looks.append((time.monotonic() - begun, report["by_answer"].get("verdict", 0)))
        if changes and second >= changes[0].at_seconds:
            await _set(session, stack, registry, servers=changes.pop(0).capacity.servers or 0)
    rates = per_second(looks)
    points = [(float(second), rate) for second, rate in enumerate(rates, start=1)]
    shares = delivered(registry, scenario, rates)
    return Live(policy, scenario.workers, points, shares, report["total"], report["peak_concurrency"])


def per_second(looks: Sequence[tuple[float, int]]) -> Sequence[float]:
    """Answers a second between one look and the next; a look that came late makes no second richer."""
    return [(after - before) / (then - at) for (at, before), (then, after) in itertools.pairwise(looks)]


async def _register(session: aiohttp.ClientSession, stack: Stack, *, count: int, seed: int) -> None:
    numbers = iter(range(count))

    async def post() -> None:
        for number in numbers:
            person = honest(seed, number)
            body = msgspec.json.encode(
                {**msgspec.to_builtins(person.truth), "email": f"live-{seed}-{number}@{_domain(number)}"}
            )
            headers = {"Content-Type": "application/json", "Idempotency-Key": person.key(1)}
            await _post(session, f"{stack.front_door}/api/v1/registrations", body, headers)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_POSTS_AT_ONCE):
            tasks.create_task(post())


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> None:
    """Until it is accepted: a front door that is full says so and is asked again."""
    while True:
        async with session.post(url, data=body, headers=headers) as answer:
            if answer.status == _ACCEPTED:
                return
            if answer.status != _BUSY:
                raise OSError(f"the front door answered {answer.status}: {await answer.text()}")
        await asyncio.sleep(0.5)


def _domain(number: int) -> str:
    return f"post{number // _PER_DOMAIN}.example"  # limits count people of one mail domain


async def _set(session: aiohttp.ClientSession, stack: Stack, registry: Registry, *, servers: int) -> None:
    mood = {
        "latency_seconds": registry.service_seconds,
        "latency_sigma": SIGMA,
        "capacity": servers,
        "sharpness": registry.sharpness,
    }
    async with session.put(f"{stack.ministry}/control", json=mood) as answer:
        answer.raise_for_status()


async def _reset(session: aiohttp.ClientSession, stack: Stack) -> None:
    async with session.delete(f"{stack.ministry}/calls") as answer:
        answer.raise_for_status()


async def _read(session: aiohttp.ClientSession, stack: Stack) -> dict[str, Any]:
    async with session.get(f"{stack.ministry}/calls?by_nik=no") as answer:
        report: dict[str, Any] = await answer.json()
        return report
