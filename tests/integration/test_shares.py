"""Shares of the ministry's ceiling over real Valkey: never more than the terms, whatever dies or is forgotten."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable

import msgspec
import pytest
from redis.asyncio import Redis

from gelombang import embedded
from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.errors import Postponed, Retryable
from registration.streams import keys
from registration.streams.shares import Grant, Report, Terms, exchange
from registration.streams.streams import Streams
from verify_workers.ministry.breaker import BreakerPolicy
from verify_workers.ministry.gate import Gate
from verify_workers.ministry.shareholder import Shareholder
from verify_workers.ministry.steering import Course, Steering

TTL_SECONDS = 0.2
TERMS = Terms(
    ceiling_slots=40,
    static_slots=1,
    places=6,
    spacing_ms=5.0,
    horizon_ms=100.0,
    ttl_ms=1_000 * TTL_SECONDS,
    hold_ms=600.0,
    place_ms=900.0,
)


async def ask(streams: Streams, slot: str, **told: object) -> Grant:
    """One exchange of a worker that wants all it can get."""
    report = Report(terms=TERMS, slot=slot, life=slot, demand=100, starts=1_000, limit=40)
    return await exchange(streams, Kind.NIK, msgspec.structs.replace(report, **told))


async def ask_until(streams: Streams, slot: str, condition: Callable[[Grant], bool], **told: object) -> Grant:
    """Exchanges until one brings what is waited for."""
    async with asyncio.timeout(20):
        while not condition(grant := await ask(streams, slot, **told)):  # noqa: ASYNC110 - Valkey is what is looked at
            await asyncio.sleep(0.02)
    return grant


async def test_after_a_wipe_nothing_is_granted_until_all_that_was_forgotten_has_ended(streams: Streams) -> None:
    """Calls that a forgotten share allowed may still be under way: only static shares until they have ended."""
    asked_at = time.monotonic()
    grant = await ask_until(streams, "1", lambda grant: grant.slots > 0)
    assert time.monotonic() - asked_at >= TERMS.hold_ms / 1_000
    assert grant.slots <= TERMS.ceiling_slots - (TERMS.places - 1) * TERMS.static_slots


async def test_a_server_that_is_another_one_is_taken_as_a_wipe(streams: Streams, servers: embedded.Servers) -> None:
    """A restart brings back what the file knew, which may be older than what was granted."""
    await ask_until(streams, "1", lambda grant: grant.slots > 0)
    servers.valkey.kill()
    servers.valkey.start()

    async def again() -> Grant:
        async with asyncio.timeout(20):
            while True:
                try:
                    return await ask(streams, "1")
                except Retryable:
                    await asyncio.sleep(0.02)

    grant = await again()
    assert (grant.slots, grant.starts, grant.has_place) == (0, 0, True)
    assert grant.quiet_ms > 0


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_server_whose_clock_jumps_is_taken_as_a_wipe(
    streams: Streams, servers: embedded.Servers, hours: int
) -> None:
    """Either way nobody knows any more which shares have ended."""
    await ask_until(streams, "1", lambda grant: grant.slots > 0)
    client = Redis.from_url(servers.redis_url)
    stored = await client.get(keys.shares(Kind.NIK))
    assert isinstance(stored, bytes)
    state = msgspec.msgpack.decode(stored)
    state["at"] += hours * 3_600_000
    await client.set(keys.shares(Kind.NIK), msgspec.msgpack.encode(state))
    await client.aclose()
    grant = await ask(streams, "1")
    assert (grant.slots, grant.starts) == (0, 0)


async def test_a_slot_is_granted_again_only_when_its_worker_has_obeyed(streams: Streams) -> None:
    """What the first worker may still believe it has is not the second one's."""
    first = await ask_until(streams, "1", lambda grant: grant.slots > 0)
    second = await ask(streams, "2")
    assert second.slots <= TERMS.ceiling_slots - first.slots
    lowered = await ask(streams, "1", allowed=first.slots, in_flight=first.slots)
    assert lowered.slots < first.slots
    assert (await ask(streams, "2", allowed=second.slots)).slots == second.slots
    obeyed = await ask(streams, "1", allowed=lowered.slots, in_flight=lowered.slots)
    assert (await ask(streams, "2", allowed=second.slots)).slots > second.slots
    assert obeyed.slots == lowered.slots


async def test_one_worker_too_many_gets_nothing_until_a_place_is_free(streams: Streams) -> None:
    """Static shares are kept for so many workers and no more."""
    for number in range(TERMS.places):
        assert (await ask(streams, str(number))).has_place
    surplus = await ask(streams, "surplus")
    assert (surplus.has_place, surplus.slots, surplus.starts, surplus.steers) == (False, 0, 0, False)
    await ask(streams, "0", leaving=True)
    assert (await ask(streams, "surplus")).has_place


async def test_one_worker_steers_and_the_next_goes_on_where_it_ended(streams: Streams) -> None:
    """The limit and the memory outlive who found them; nobody else's word counts."""
    first = await ask_until(streams, "1", lambda grant: grant.slots > 0, limit=7, steering="memory", word="open")
    assert first.steers
    other = await ask(streams, "2", limit=40, steering="other", window="seen")
    assert (other.steers, other.limit) == (False, 7)
    assert (await ask(streams, "1", limit=7, steering="memory")).windows == ("seen",)
    heir = await ask_until(streams, "2", lambda grant: grant.steers, limit=40, steering="other")
    assert (heir.took_over, heir.steering, heir.limit) == (True, "memory", 7)


async def test_a_pause_that_the_registry_asks_for_holds_for_all(streams: Streams) -> None:
    """Retry-After, told by one worker, closes everyone's gate."""
    await ask_until(streams, "1", lambda grant: grant.slots > 0)
    await ask(streams, "1", close_ms=5_000)
    other = await ask(streams, "2")
    assert other.closed_ms > 1_000
    assert other.starts == 0


class AllTheTime(Steering):
    """Steers to the ceiling at all times."""

    def __init__(self) -> None:
        super().__init__(kind=Kind.NIK, ceiling_slots=TERMS.ceiling_slots, policy=BreakerPolicy(), metrics=Metrics())

    def steer(self, grant: Grant) -> Course:
        """As much as the terms allow."""
        return Course(limit=TERMS.ceiling_slots) if grant.steers else Course()


class Swarm:
    """Workers that call as often as they may, die, are cut off and come back; all their calls are counted."""

    def __init__(self, streams: Streams, dice: random.Random) -> None:
        self.streams = streams
        self.dice = dice
        self.under_way = 0
        self.peak = 0
        self.starts: list[float] = []
        self.calls: set[asyncio.Task[None]] = set()

    async def worker(self, slot: str, seconds: float) -> None:
        """One life: exchanges that may be skipped, and more callers than slots."""
        gate = Gate(static_slots=TERMS.static_slots, static_spacing_seconds=0.0)
        holder = Shareholder(
            kind=Kind.NIK,
            terms=TERMS,
            slot=slot,
            most_in_flight=30,
            streams=self.streams,
            gate=gate,
            steering=AllTheTime(),
            metrics=Metrics(),
        )
        callers = [asyncio.create_task(self._caller(gate)) for _ in range(30)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(self.dice.uniform(0.005, 0.03))
            if self.dice.random() < 0.02:
                await asyncio.sleep(1.5 * TTL_SECONDS)  # cut off for longer than a share lives
            await holder.exchange_once()
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)

    async def _caller(self, gate: Gate) -> None:
        while True:
            try:
                async with gate.slot(b"identity", failures=0):
                    self.starts.append(time.monotonic())
                    call = asyncio.create_task(self._call())
                    self.calls.add(call)
                    await asyncio.shield(call)  # the registry does not notice that a caller dies
            except Postponed:
                await asyncio.sleep(0.01)

    async def _call(self) -> None:
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        await asyncio.sleep(self.dice.uniform(0.01, 0.15))
        self.under_way -= 1


async def test_all_workers_together_keep_to_the_terms_whatever_happens(
    streams: Streams, servers: embedded.Servers
) -> None:
    """Deaths, cut lines, successors in the same slot and a wipe: never more calls under way than the ceiling."""
    seed = secrets.randbits(32)
    swarm = Swarm(streams, random.Random(seed))  # noqa: S311 - a repeatable walk
    client = Redis.from_url(servers.redis_url)

    async def slot(number: int) -> None:
        for _ in range(3):
            await swarm.worker(str(number), swarm.dice.uniform(0.5, 1.5))

    async with asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(slot(number))
        await asyncio.sleep(1.5)
        await client.flushall()
    await client.aclose()
    await asyncio.gather(*swarm.calls)
    assert swarm.peak <= TERMS.ceiling_slots, f"seed {seed}"
    assert swarm.peak > TERMS.static_slots * TERMS.places, f"seed {seed}: more than the static shares was never used"
    # What is seen here is later than it was by as much as the loop was busy: so a second less that.
    assert most_within(swarm.starts, 0.7) <= 1_000 / TERMS.spacing_ms, f"seed {seed}"


def most_within(moments: list[float], seconds: float) -> int:
    """The most of these within any stretch of time."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
