"""Processes killed, stopped for a while, and asked to end; Valkey emptied.

Each takes one process that no other fault has in hand, and waits until it is back.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from loadtest.chaos.faults import Arena, Fault, Strike, table
from loadtest.chaos.ground import Ground
from registration.checks import Kind
from registration.errors import Retryable
from registration.streams import keys
from registration.streams.streams import Expired

_FREEZE_SECONDS = (0.5, 3.0)
_PAST_LEASE = (1.3, 1.8)  # leases
_EXIT_SECONDS = 10.0
_REDELIVERY_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LOOK_AT = 2_000


def _kill(prefix: str) -> Strike:
    async def strike(arena: Arena) -> None:
        async with _one_of(arena, prefix) as name:
            before = arena.ground.signal(name, signal.SIGKILL)
            await arena.ground.returned(name, before)

    return strike


async def _kill_worker(arena: Arena) -> None:
    """Also measures when what the dead worker held is delivered again, or ended by whoever takes it."""
    async with _one_of(arena, "worker-") as name:
        before = arena.ground.signal(name, signal.SIGKILL)
        measuring = asyncio.create_task(_measure_redelivery(arena, name))
        await arena.ground.returned(name, before)
        await measuring


def _freeze(prefix: str, *, past_lease: bool = False) -> Strike:
    async def strike(arena: Arena) -> None:
        seconds = (
            arena.randomness.uniform(*_PAST_LEASE) * arena.ground.site.lease_seconds
            if past_lease
            else arena.randomness.uniform(*_FREEZE_SECONDS)
        )
        async with _one_of(arena, prefix) as name:
            pid = arena.ground.signal(name, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                if pid is not None and arena.ground.pid(name) == pid:
                    arena.ground.signal(name, signal.SIGCONT)

    return strike


def _terminate(prefix: str) -> Strike:
    async def strike(arena: Arena) -> None:
        async with _one_of(arena, prefix) as name:
            before = arena.ground.signal(name, signal.SIGTERM)
            loop = asyncio.get_running_loop()
            began = loop.time()
            while _lives(before) and loop.time() - began < _EXIT_SECONDS:  # noqa: ASYNC110 - a process cannot set it
                await asyncio.sleep(_POLL_SECONDS)
            arena.exits.append(loop.time() - began)
            await arena.ground.returned(name, before)

    return strike


async def _flush(arena: Arena) -> None:
    with contextlib.suppress(OSError):  # Valkey is away already: as empty as can be
        await arena.ground.valkey("FLUSHALL")


async def _delete_append_only_file(arena: Arena) -> None:
    async with _one_of(arena, "valkey") as name:
        before = arena.ground.signal(name, signal.SIGKILL)
        shutil.rmtree(arena.ground.site.valkey_data / "appendonlydir", ignore_errors=True)
        await arena.ground.returned(name, before)


async def _measure_redelivery(arena: Arena, worker: str) -> None:
    """What the dead consumer held: how long until each entry was delivered again, or was no more."""
    if not any(worker.startswith(f"worker-{kind}") for kind in Kind):
        return  # it has no stream
    kind, consumer = _consumer(worker)
    loop = asyncio.get_running_loop()
    died_at = loop.time()
    held: dict[tuple[str, str], Expired] = {}
    with contextlib.suppress(Retryable):  # Valkey may be away itself
        held = {key: entry for key, entry in (await pending(arena.ground, kind)).items() if entry.consumer == consumer}
    while held and loop.time() - died_at < _REDELIVERY_SECONDS:
        await asyncio.sleep(_POLL_SECONDS)
        with contextlib.suppress(Retryable):
            now = await pending(arena.ground, kind)
            for key, entry in list(held.items()):
                found = now.get(key)
                if found is None or found.deliveries > entry.deliveries or found.consumer != consumer:
                    arena.redeliveries.append(loop.time() - died_at)
                    del held[key]
    arena.redeliveries += [float("inf")] * len(held)


async def pending(ground: Ground, kind: Kind) -> Mapping[tuple[str, str], Expired]:
    """What workers of a kind have in hand, by stream and entry. Raises `Retryable` when Valkey is away."""
    found = {}
    for name in keys.streams(kind):
        for entry in await ground.streams.find_expired(name, lease_seconds=0.0, count=_LOOK_AT):
            found[name, entry.entry_id] = entry
    return found


def _consumer(worker: str) -> tuple[Kind, str]:
    """`worker-nik-2` is the consumer `nik-2`, `worker-nik` the consumer `nik-1`."""
    _, kind, *slot = worker.split("-")
    return Kind(kind), f"{kind}-{slot[0] if slot else 1}"


def _one_of(arena: Arena, prefix: str) -> AbstractAsyncContextManager[str]:
    return arena.busy.one_of(lambda: arena.ground.processes(prefix), arena.randomness)


def _lives(pid: int | None) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - a pseudo file
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


KILLS = table(
    Fault("kill-front-door", "kill -9 of a front door", _kill("ingest-"), weight=3, kills=True),
    Fault("kill-worker", "kill -9 of a worker", _kill_worker, weight=5, kills=True),
    Fault("kill-valkey", "kill -9 of Valkey", _kill("valkey"), weight=1, kills=True),
    Fault("kill-postgresql", "kill -9 of PostgreSQL", _kill("postgresql"), weight=1, kills=True),
    Fault("freeze-front-door", "SIGSTOP of a front door for 0.5 to 3 s", _freeze("ingest-")),
    Fault("freeze-worker", "SIGSTOP of a worker past its lease, then SIGCONT", _freeze("worker-", past_lease=True)),
    Fault("freeze-valkey", "SIGSTOP of Valkey for 0.5 to 3 s", _freeze("valkey")),
    Fault("freeze-postgresql", "SIGSTOP of PostgreSQL for 0.5 to 3 s", _freeze("postgresql")),
    Fault("stop-front-door", "SIGTERM to a front door", _terminate("ingest-")),
    Fault("stop-worker", "SIGTERM to a worker", _terminate("worker-")),
    Fault("flush-valkey", "FLUSHALL", _flush),
    Fault("delete-aof", "Valkey killed and its append-only file deleted", _delete_append_only_file, kills=True),
)
