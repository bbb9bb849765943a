"""Drills: one promise each, measured while nothing else is harmed."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID, uuid4

import msgspec

from loadtest.applicants import honest
from loadtest.chaos.faults import Arena, Fault, Finding, table
from loadtest.chaos.ground import Ground
from loadtest.chaos.journal import sql
from loadtest.chaos.kills import pending
from loadtest.personas import with_serial
from registration.applicant import examine
from registration.checks import Kind
from registration.clock import SystemClock, Today
from registration.digests import Digests
from registration.errors import Retryable
from registration.sealing import KeyRing, Sealer
from registration.store.upkeep import DeadLetter, list_dead_letters
from registration.streams import keys

_POLL_SECONDS = 0.25
_REBUILD_SECONDS = 60.0
_POISON_SECONDS = 120.0
_POISON_SERIAL = 9504  # the ministry never answers: the entry stays in hand long enough to be killed with its worker
_POISON_INDEX = 900_000_000
_BACKLOG_INDEX = 500_000_000
_FILL_AT_ONCE = 1_000
_FEWEST_SERVERS, _MOST_SERVERS = 2, 10
_LATENCY_SECONDS = 0.1
_LEARN_SECONDS = 15.0
_RECOVERY_SECONDS = 30.0
_GOODPUT_SHARE = 0.9
_MEMORY_SHARE = 0.05
_DRAINED_SECONDS = 600.0
_STAYS_SECONDS = 1.0
_DELIVERIES = 3


async def _rebuild(arena: Arena) -> None:
    """Everything that waits for its NIK check is in the streams again within a minute of FLUSHALL, up to their cap."""
    ground = arena.ground
    cap = ground.site.stream_cap
    await ground.ministry(faults={"hang": 1})
    await _fill(arena, arena.backlog)
    wanted = min(cap, arena.backlog)
    await _until(lambda: _length(arena), lambda length: length >= wanted // 2, seconds=_REBUILD_SECONDS)
    await ground.valkey("FLUSHALL")
    seconds = await _until(lambda: _length(arena), lambda length: length >= wanted * 0.99, seconds=_REBUILD_SECONDS)
    await ground.ministry()
    arena.findings.append(
        Finding(
            "I2",
            f"{arena.backlog:,} pending back in the streams after FLUSHALL (cap {cap:,} a stream)",
            "not within 60 s" if seconds is None else f"{wanted:,} entries in {seconds:.1f} s",
            seconds is not None,
        )
    )
    await _worked_off(arena)


async def _poison(arena: Arena) -> None:
    """An entry whose worker dies each time it has it is set aside after three deliveries; nothing else is."""
    ground = arena.ground
    applicant = honest(arena.crowd.seed, _POISON_INDEX)
    truth = with_serial(applicant.truth, _POISON_SERIAL)
    poison = msgspec.structs.replace(applicant, first=truth, truth=truth)
    registration_id = await arena.crowd.register_by_hand(poison)
    arena.poisoned.add(registration_id)
    kills = 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    set_aside: list[UUID] = []
    while not set_aside and loop.time() - began < _POISON_SECONDS:
        holder = await _holder_of_what_stays(arena)
        if holder is not None:
            name = f"worker-{holder.removesuffix('-1')}"
            before = ground.signal(name, signal.SIGKILL)
            kills += 1
            await ground.returned(name, before)
        set_aside = [letter.registration_id for letter in await _dead_letters(arena)]
    others = [item for item in set_aside if item != registration_id]
    deliveries = (await ground.ministry_calls(f"nik={truth.nik}"))["total"]  # each asks the ministry once
    arena.findings.append(
        Finding(
            "I6",
            "an entry that kills its worker is set aside after 3 deliveries, others are not",
            f"set aside: {registration_id in set_aside}, deliveries: {deliveries}, workers killed: {kills},"
            f" others set aside: {len(others)}",
            registration_id in set_aside and deliveries <= _DELIVERIES and not others,
        )
    )


async def _outage(arena: Arena) -> None:
    """The ministry gone for a while under twice its capacity: bounded streams, flat memory, and a quick recovery.

    It is the same ministry before and after, with some seconds before in which the workers find out what it can do.
    Its goodput collapses when it is overdriven, so that workers which come back all at once keep it down.
    """
    ground, crowd = arena.ground, arena.crowd
    usual = crowd.rate
    servers = min(_MOST_SERVERS, max(_FEWEST_SERVERS, round(usual * _LATENCY_SECONDS)))
    capacity = servers / _LATENCY_SECONDS
    crowd.rate = 2 * capacity
    await ground.ministry(capacity=servers, latency_seconds=_LATENCY_SECONDS)
    await asyncio.sleep(_LEARN_SECONDS)
    await ground.ministry(capacity=servers, latency_seconds=_LATENCY_SECONDS, down=True)
    lengths, memory = await _watch_outage(arena, arena.outage_seconds)
    crowd.rate = capacity / 4  # what waits is enough to work on, and the crowd must not be the bottleneck
    before = await ground.ministry_calls()
    await ground.ministry(capacity=servers, latency_seconds=_LATENCY_SECONDS)
    recovered = await _goodput_returns(arena, capacity)
    cap = ground.site.stream_cap
    arena.findings += [
        Finding("I9", f"stream length in an outage (cap {cap:,})", f"at most {max(lengths):,}", max(lengths) <= cap),
        _flat(memory),
        Finding(
            "I8",
            f"{_GOODPUT_SHARE:.0%} of capacity again after {arena.outage_seconds:.0f} s of outage under 2× load",
            f"not within {_RECOVERY_SECONDS:.0f} s" if recovered is None else f"after {recovered:.0f} s",
            recovered is not None,
        ),
        Finding("I7", "calls in the outage", f"{before['total']:,} by {before['niks']:,} NIKs so far", None),
    ]
    await ground.ministry()
    crowd.rate = usual
    await _worked_off(arena)


async def _watch_outage(arena: Arena, seconds: float) -> tuple[Sequence[int], Sequence[int]]:
    lengths, memory = [0], []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await asyncio.sleep(1.0)
        lengths.append(max(await _lengths(arena)))  # the cap is one stream's
        memory.append(await used_memory(arena))
    return lengths, memory


async def used_memory(arena: Arena) -> int:
    """Bytes that Valkey uses."""
    info = await arena.ground.valkey("INFO memory")
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return int(fields["used_memory"])


def _flat(memory: Sequence[int]) -> Finding:
    """The last third of an outage against the second: by then the streams are as full as they get."""
    third = len(memory) // 3
    middle, last = memory[third : 2 * third], memory[2 * third :]
    if not middle or not last:
        return Finding("I9", "Valkey's memory in an outage", "too short to tell", None)
    growth = (sum(last) / len(last)) / (sum(middle) / len(middle)) - 1
    return Finding(
        "I9", "Valkey's memory in an outage, last third against second", f"{growth:+.1%}", abs(growth) <= _MEMORY_SHARE
    )


async def _goodput_returns(arena: Arena, capacity: float) -> float | None:
    """Seconds until the ministry gives that share of its capacity over 3 s; None when it does not in time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    counts = [(began, await _verdicts(arena))]
    while loop.time() - began < _RECOVERY_SECONDS:
        await asyncio.sleep(1.0)
        counts.append((loop.time(), await _verdicts(arena)))
        since, then = counts[-4] if len(counts) >= 4 else counts[0]  # noqa: PLR2004 - three seconds back
        if len(counts) >= 4 and (counts[-1][1] - then) / (counts[-1][0] - since) >= _GOODPUT_SHARE * capacity:  # noqa: PLR2004 - the same
            return loop.time() - began
    return None


async def _verdicts(arena: Arena) -> int:
    calls = await arena.ground.ministry_calls()
    count: int = calls["by_answer"].get("verdict", 0)
    return count


async def _fill(arena: Arena, count: int) -> None:
    """Registrations that wait for their NIK check only, as if mail and code had gone out before."""
    ring = KeyRing.load(arena.ground.site.keys)
    sealer, digests, today = Sealer(ring), Digests(ring), Today(SystemClock())
    for start in range(0, count, _FILL_AT_ONCE):
        numbers = range(_BACKLOG_INDEX + start, _BACKLOG_INDEX + min(count, start + _FILL_AT_ONCE))
        people = [examine(honest(arena.crowd.seed, number).truth, today=today()) for number in numbers]
        ids = [uuid4() for _ in people]
        arena.backlog_ids.update(ids)
        await arena.ground.database.fetch(
            sql("fill"),
            ids,
            [b"backlog"] * len(ids),
            [digests.nik(person.nik) for person in people],
            [digests.identity(person) for person in people],
            [sealer.seal(person, item) for item, person in zip(ids, people, strict=True)],
        )


async def _holder_of_what_stays(arena: Arena) -> str | None:
    """The consumer of an entry that is in hand now and was a second ago, with as many deliveries."""
    with contextlib.suppress(Retryable):
        before = await pending(arena.ground, Kind.NIK)
        await asyncio.sleep(_STAYS_SECONDS)
        now = await pending(arena.ground, Kind.NIK)
        for key, entry in now.items():
            if key in before and before[key].consumer == entry.consumer and before[key].deliveries == entry.deliveries:
                return entry.consumer
    return None


async def _dead_letters(arena: Arena) -> Sequence[DeadLetter]:
    return await list_dead_letters(arena.ground.database, kind=Kind.NIK, cause="poison", limit=100)


async def _lengths(arena: Arena) -> Sequence[int]:
    """Entries of NIK checks in each of their streams; 0 while Valkey is away."""
    with contextlib.suppress(Retryable):
        return [(await arena.ground.streams.size(name)).length for name in keys.streams(Kind.NIK)]
    return [0]


async def _length(arena: Arena) -> int:
    """Entries of NIK checks in all their streams."""
    return sum(await _lengths(arena))


async def working(ground: Ground, kinds: Collection[Kind] = (Kind.NIK, Kind.EMAIL, Kind.PHONE)) -> int:
    """Checks that workers still have to do."""
    (row,) = await ground.database.fetch(sql("working"))
    return sum(int(row[kind]) for kind in kinds)


async def _worked_off(arena: Arena) -> None:
    """What a drill with the ministry left to do is done, but for five seconds of work: mails may well wait longer."""
    few = arena.crowd.rate * 5
    await _until(lambda: working(arena.ground, (Kind.NIK,)), lambda left: left < few, seconds=_DRAINED_SECONDS)


async def _until(look: Callable[[], Awaitable[int]], enough: Callable[[int], bool], *, seconds: float) -> float | None:
    """Seconds until what is looked at is enough; None when it is not in time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not enough(await look()):
        if loop.time() - began > seconds:
            return None
        await asyncio.sleep(_POLL_SECONDS)
    return loop.time() - began


DRILLS = table(
    Fault("poison", "an entry that kills its worker each time", _poison, is_drill=True),
    Fault("outage", "the ministry gone under twice its capacity, then back", _outage, is_drill=True),
    Fault("rebuild", "FLUSHALL with a large backlog pending", _rebuild, is_drill=True),
)
