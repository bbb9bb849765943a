"""Streams, over the embedded Valkey and over Debian's Redis 7.0 where it is installed: offered once, never lost."""

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gelombang import embedded
from registration.checks import Kind
from registration.errors import Retryable
from registration.streams import keys
from registration.streams.streams import Entry, Streams, StreamSize

DEBIAN_REDIS = "/usr/bin/redis-server"
DEADLINE_SECONDS = 30
CAP = 50
EMAIL = keys.stream(Kind.EMAIL)
NIK = keys.stream(Kind.NIK)
NIK_STREAMS = keys.streams(Kind.NIK)
LONG, EXPIRED = 3_600.0, 0.0  # leases: one that no test outlives, one that is over at once


class DebianRedis:
    """Debian's server on a Unix socket: started, killed and started again, empty each time."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        """Return when it answers."""
        line = [DEBIAN_REDIS, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(  # noqa: S603 - Debian's own program
            [*line, "--dir", str(self._socket.parent)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        client = BlockingRedis.from_url(self.url)
        try:
            return bool(client.ping())
        except (RedisError, OSError):
            return False
        finally:
            client.close()


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRedis | None]:
    """Debian's Redis, or None where it is not installed."""
    if shutil.which(DEBIAN_REDIS) is None:
        yield None
        return
    server = DebianRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["valkey", "redis"])
def server(
    request: pytest.FixtureRequest, servers: embedded.Servers, debian: DebianRedis | None
) -> embedded.ServerProcess | DebianRedis:
    """Each server in turn."""
    if request.param == "valkey":
        return servers.valkey
    if debian is None:
        pytest.skip(f"{DEBIAN_REDIS} is not installed")
    return debian


@pytest.fixture
async def raw(server: embedded.ServerProcess | DebianRedis) -> AsyncIterator[Redis]:
    """A client that does what nobody should, on an empty server."""
    client = Redis.from_url(server.url, decode_responses=True)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def streams(server: embedded.ServerProcess | DebianRedis, raw: Redis) -> AsyncIterator[Streams]:
    """Streams on the empty server."""
    await raw.ping()
    made = Streams(server.url, timeout_seconds=5.0, cap=CAP)
    yield made
    await made.close()


def ids(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


def ids_of(entries: Sequence[Entry]) -> list[UUID]:
    return [entry.registration_id for entry in entries]


async def read_all(streams: Streams, *, consumer: str = "1") -> Sequence[Entry]:
    """Everything in the e-mail stream; the first look at an empty server only makes the group."""
    return await streams.read([EMAIL], consumer=consumer, count=1_000) or await streams.read(
        [EMAIL], consumer=consumer, count=1_000
    )


# Offering


async def test_an_id_is_in_a_stream_at_most_once(streams: Streams) -> None:
    """Front door and relay may both offer it, and again, also while a worker holds it."""
    offered = ids(3)

    assert await streams.offer([EMAIL], offered) == 3
    assert await streams.offer([EMAIL], offered) == 0
    assert await streams.offer([EMAIL], [*offered, *ids(1)]) == 1
    await read_all(streams)
    assert await streams.offer([EMAIL], offered) == 0
    assert await streams.size(EMAIL) == StreamSize(length=4, pending=4)


async def test_many_who_offer_the_same_at_once_add_it_once(streams: Streams) -> None:
    """The check and the entry are one step."""
    offered = ids(20)
    added = await asyncio.gather(*(streams.offer([EMAIL], offered) for _ in range(30)))

    assert sum(added) == 20
    assert sorted(ids_of(await read_all(streams))) == sorted(offered)


async def test_one_offer_serves_several_streams(streams: Streams) -> None:
    """A new registration goes to all its checks in one call, each with a set of its own."""
    names = [keys.stream(kind) for kind in Kind]

    assert await streams.offer(names, ids(2)) == 2 * len(names)
    assert [(await streams.size(name)).length for name in names] == [2] * len(names)


async def test_a_stream_is_never_longer_than_its_cap(streams: Streams) -> None:
    """A long outage costs rows in PostgreSQL, not memory here; what did not fit can be offered later."""
    first, second = ids(CAP - 10), ids(30)

    assert await streams.offer([EMAIL], first) == CAP - 10
    assert await streams.offer([EMAIL], second) == 10
    assert await streams.offer([EMAIL], second) == 0
    entries = await streams.read([EMAIL], consumer="1", count=20) or await read_all(streams)
    await streams.acknowledge(entries[:15])
    assert await streams.offer([EMAIL], second) == 15
    assert (await streams.size(EMAIL)).length == CAP


async def test_ids_are_read_in_the_order_they_were_offered(streams: Streams) -> None:
    """First come, first served."""
    offered = ids(10)
    await streams.offer([EMAIL], offered)

    assert offered == ids_of(await read_all(streams))


# Reading


async def test_the_priority_stream_is_read_first(streams: Streams) -> None:
    """Whose e-mail is verified does not wait behind the crowd."""
    crowd, urgent = ids(5), ids(2)
    await streams.offer([NIK], crowd)
    await streams.offer([keys.PRIORITY], urgent)
    await streams.read(NIK_STREAMS, consumer="1", count=1)  # makes the groups
    found = [
        *await streams.read(NIK_STREAMS, consumer="1", count=10),
        *await streams.read(NIK_STREAMS, consumer="1", count=10),
    ]

    assert {keys.PRIORITY} == {entry.stream for entry in found[:2]}
    assert [*urgent, *crowd] == ids_of(found)


async def test_each_entry_is_delivered_to_one_consumer(streams: Streams) -> None:
    """Two workers share a stream, and neither sees the other's."""
    offered = ids(40)
    await streams.offer([EMAIL], offered)
    await streams.size(EMAIL)  # makes the group
    parts = await asyncio.gather(*(streams.read([EMAIL], consumer=str(n), count=10) for n in range(4)))

    assert sorted(offered) == sorted(item for part in parts for item in ids_of(part))


async def test_reading_an_empty_stream_ends_by_itself(streams: Streams) -> None:
    """The blocking read comes back with nothing, so that a stopping worker is not held up."""
    assert list(await read_all(streams)) == []


async def test_a_blocked_reader_gets_what_is_offered(streams: Streams) -> None:
    """It waits in the server, not in a pause."""
    await streams.size(EMAIL)
    (item,) = ids(1)
    reading = asyncio.create_task(streams.read([EMAIL], consumer="1", count=1))
    await asyncio.sleep(0)
    await streams.offer([EMAIL], [item])

    assert [item] == ids_of(await reading or await streams.read([EMAIL], consumer="1", count=1))


async def test_a_consumer_finds_what_it_held_in_an_earlier_life(streams: Streams) -> None:
    """Also entries of a reply that was lost; nobody else's."""
    await streams.offer([EMAIL], ids(4))
    held = await read_all(streams)

    assert held == await streams.read_own(EMAIL, consumer="1", count=100)
    assert held[2:] == await streams.read_own(EMAIL, consumer="1", count=100, after=held[1].entry_id)
    assert list(await streams.read_own(EMAIL, consumer="2", count=100)) == []


# Ending


async def test_acknowledged_is_gone_everywhere(streams: Streams, raw: Redis) -> None:
    """From the stream, the set and the pending list in one step; the id can be offered again."""
    offered = ids(3)
    await streams.offer([EMAIL], offered)
    entries = await read_all(streams)
    await streams.acknowledge(entries)

    assert await streams.size(EMAIL) == StreamSize(length=0, pending=0)
    assert await raw.scard(keys.outstanding(EMAIL)) == 0
    assert await streams.offer([EMAIL], offered) == 3


async def test_entries_of_several_streams_are_acknowledged_together(streams: Streams) -> None:
    """Each in its own stream, and only those named."""
    await streams.offer(NIK_STREAMS, ids(2))
    for name in NIK_STREAMS:
        await streams.size(name)
    entries = [
        *await streams.read(NIK_STREAMS, consumer="1", count=1),
        *await streams.read([NIK], consumer="1", count=1),
    ]
    await streams.acknowledge(entries)

    assert [(await streams.size(name)).length for name in NIK_STREAMS] == [1, 1]


async def test_acknowledging_twice_is_harmless(streams: Streams) -> None:
    """A reply can be lost, so every command is safe to repeat."""
    await streams.offer([EMAIL], ids(2))
    first, second = await read_all(streams)
    await streams.acknowledge([first])
    await streams.acknowledge([first])

    assert await streams.size(EMAIL) == StreamSize(length=1, pending=1)
    assert [second] == list(await streams.read_own(EMAIL, consumer="1", count=10))


async def test_a_late_acknowledgement_leaves_the_next_entry_of_the_same_id_alone(streams: Streams) -> None:
    """A worker that was asleep past its lease ends its own entry, never the one that was offered since."""
    offered = ids(1)
    await streams.offer([EMAIL], offered)
    entries = await read_all(streams)
    await streams.acknowledge(entries)
    await streams.offer([EMAIL], offered)
    await streams.acknowledge(entries)

    assert await streams.offer([EMAIL], offered) == 0
    assert (await streams.size(EMAIL)).length == 1


# Leases


async def test_what_gives_no_sign_of_life_expires(streams: Streams) -> None:
    """After the lease, and not before; whoever holds it."""
    await streams.offer([EMAIL], ids(2))
    entries = await read_all(streams)
    expired = await streams.find_expired(EMAIL, lease_seconds=EXPIRED, count=10)

    assert [(entry.entry_id, 1) for entry in entries] == [(item.entry_id, item.deliveries) for item in expired]
    assert list(await streams.find_expired(EMAIL, lease_seconds=LONG, count=10)) == []


async def test_a_renewal_is_a_sign_of_life_and_no_delivery(streams: Streams, raw: Redis) -> None:
    """Long work stays with its worker and is not charged for it."""
    await streams.offer([EMAIL], ids(2))
    renewed, silent = await read_all(streams)
    for entry in (renewed, silent):
        await raw.xclaim(EMAIL, keys.GROUP, "1", 0, [entry.entry_id], idle=600_000, justid=True)
    await streams.renew(EMAIL, consumer="1", entry_ids=[renewed.entry_id])
    expired = await streams.find_expired(EMAIL, lease_seconds=300.0, count=10)

    assert [silent.entry_id] == [item.entry_id for item in expired]
    pending = await raw.xpending_range(EMAIL, keys.GROUP, min="-", max="+", count=10)
    assert {1} == {row["times_delivered"] for row in pending}


async def test_renewing_what_is_acknowledged_brings_nothing_back(streams: Streams) -> None:
    """The sign of life may come after the end."""
    await streams.offer([EMAIL], ids(1))
    entries = await read_all(streams)
    await streams.acknowledge(entries)
    await streams.renew(EMAIL, consumer="1", entry_ids=[entries[0].entry_id])

    assert await streams.size(EMAIL) == StreamSize(length=0, pending=0)


async def test_a_claim_moves_an_expired_entry_and_counts_a_delivery(streams: Streams) -> None:
    """So that what kills its worker again and again is noticed."""
    await streams.offer([EMAIL], ids(1))
    entries = await read_all(streams)
    entry_ids = [entry.entry_id for entry in entries]
    for deliveries in (2, 3, 4):
        claimed = await streams.claim(EMAIL, consumer=str(deliveries), lease_seconds=EXPIRED, entry_ids=entry_ids)
        assert entries == claimed
        (expired,) = await streams.find_expired(EMAIL, lease_seconds=EXPIRED, count=10)
        assert expired.deliveries == deliveries

    assert list(await streams.read_own(EMAIL, consumer="1", count=10)) == []


async def test_a_claim_leaves_what_was_renewed_where_it_is(streams: Streams) -> None:
    """Between finding and claiming the worker may have spoken up."""
    await streams.offer([EMAIL], ids(1))
    entries = await read_all(streams)

    assert list(await streams.claim(EMAIL, consumer="2", lease_seconds=LONG, entry_ids=[entries[0].entry_id])) == []
    assert entries == await streams.read_own(EMAIL, consumer="1", count=10)


async def test_of_two_who_claim_at_once_one_gets_it(streams: Streams, raw: Redis) -> None:
    """A rescue is atomic."""
    await streams.offer([EMAIL], ids(10))
    entry_ids: list[Any] = [entry.entry_id for entry in await read_all(streams)]
    await raw.xclaim(EMAIL, keys.GROUP, "1", 0, entry_ids, idle=600_000, justid=True)
    claims = await asyncio.gather(
        *(streams.claim(EMAIL, consumer=f"c{n}", lease_seconds=300.0, entry_ids=entry_ids) for n in range(5))
    )

    assert sorted(entry_ids) == sorted(entry.entry_id for claim in claims for entry in claim)


async def test_what_is_handed_back_is_uncharged_and_free_at_once(streams: Streams) -> None:
    """A stopping worker costs nobody an attempt and nobody a wait."""
    await streams.offer([EMAIL], ids(1))
    entries = await read_all(streams)
    entry_ids = [entry.entry_id for entry in entries]
    await streams.hand_back(EMAIL, consumer="1", entry_ids=entry_ids)
    (expired,) = await streams.find_expired(EMAIL, lease_seconds=1_800.0, count=10)

    assert expired.deliveries == 0
    assert entries == await streams.claim(EMAIL, consumer="2", lease_seconds=1_800.0, entry_ids=entry_ids)
    (taken,) = await streams.find_expired(EMAIL, lease_seconds=EXPIRED, count=10)
    assert taken.deliveries == 1


async def test_a_lease_on_a_duty_has_one_holder(streams: Streams) -> None:
    """Whoever has it keeps it by asking; the others hear no."""
    held = await asyncio.gather(*(streams.hold_lease("relay", holder=str(n), seconds=60.0) for n in range(10)))
    holder = str(held.index(True))

    assert held.count(True) == 1
    assert await streams.hold_lease("relay", holder=holder, seconds=60.0)
    assert not await streams.hold_lease("relay", holder="another", seconds=60.0)
    assert await streams.hold_lease("another duty", holder="another", seconds=60.0)


async def test_a_lease_ends_by_itself(streams: Streams) -> None:
    """When its holder dies, another takes the duty up."""
    await streams.hold_lease("relay", holder="dead", seconds=0.05)
    async with asyncio.timeout(DEADLINE_SECONDS):
        taken = False
        while not taken:
            await asyncio.sleep(0.01)
            taken = await streams.hold_lease("relay", holder="alive", seconds=60.0)

    assert not await streams.hold_lease("relay", holder="dead", seconds=60.0)


@pytest.mark.parametrize("jump_seconds", [3_600.0, 86_400.0])
async def test_a_lease_does_not_outlive_a_clock_that_jumps_back(streams: Streams, jump_seconds: float) -> None:
    """Valkey's clock goes back and leaves a dead holder its lease for as long: it ends in time all the same."""
    await streams.hold_lease("relay", holder="dead", seconds=jump_seconds)
    await streams.claim_identities(["identity"], holder="dead", seconds=jump_seconds, given_up=0)

    async with asyncio.timeout(DEADLINE_SECONDS):
        taken = claimed = False
        while not (taken and claimed):
            await asyncio.sleep(0.01)
            taken = taken or await streams.hold_lease("relay", holder="alive", seconds=0.05)
            claimed = claimed or all(
                await streams.claim_identities(["identity"], holder="alive", seconds=0.05, given_up=0)
            )


# Accidents


async def test_after_a_wipe_everything_works_again(streams: Streams, raw: Redis) -> None:
    """The group is made again by whoever meets its absence, from the stream's beginning."""
    offered = ids(3)
    await streams.offer([EMAIL], offered)
    old = await read_all(streams)
    await raw.flushall()
    assert await streams.offer([EMAIL], offered) == 3

    assert list(await streams.find_expired(EMAIL, lease_seconds=EXPIRED, count=10)) == []
    assert await streams.size(EMAIL) == StreamSize(length=3, pending=0)
    await streams.acknowledge(old)
    assert await streams.offer([EMAIL], offered) == 0
    assert offered == ids_of(await read_all(streams))


@pytest.mark.parametrize("call", ["read", "read_own", "find_expired", "size"])
async def test_an_empty_server_is_no_error(streams: Streams, call: str) -> None:
    """Whatever comes first after a restart."""
    for _ in range(2):
        assert await EVERY_COMMAND[call](streams) in ([], StreamSize(0, 0))


async def test_entries_that_are_none_of_ours_are_removed(streams: Streams, raw: Redis) -> None:
    """They never reach a worker, and a rescue clears them away."""
    foreign: list[dict[Any, Any]] = [{"a": "b"}, {"id": "not an id"}, {"id": ""}, {"ID": uuid4().hex}]
    for fields in foreign:
        await raw.xadd(EMAIL, fields)
    offered = ids(1)
    await streams.offer([EMAIL], offered)

    assert offered == ids_of(await read_all(streams))
    expired = await streams.find_expired(EMAIL, lease_seconds=EXPIRED, count=10)
    assert len(expired) == 5
    claimed = await streams.claim(
        EMAIL, consumer="2", lease_seconds=EXPIRED, entry_ids=[item.entry_id for item in expired]
    )
    assert offered == ids_of(claimed)
    assert await streams.size(EMAIL) == StreamSize(length=1, pending=1)


async def test_entries_deleted_under_us_leave_nothing_behind(streams: Streams, raw: Redis) -> None:
    """Trimmed or deleted by hand: they are not delivered, not claimed, and after mending can be offered again."""
    offered = ids(3)
    await streams.offer([EMAIL], offered)
    entries = await read_all(streams)
    await raw.xdel(EMAIL, entries[0].entry_id, entries[1].entry_id)

    assert entries[2:] == await streams.read_own(EMAIL, consumer="1", count=10)
    entry_ids = [entry.entry_id for entry in entries]
    assert entries[2:] == await streams.claim(EMAIL, consumer="2", lease_seconds=EXPIRED, entry_ids=entry_ids)
    assert await streams.size(EMAIL) == StreamSize(length=1, pending=1)
    await streams.acknowledge(entries[:2])
    await streams.reconcile(EMAIL)
    assert await streams.offer([EMAIL], offered) == 2


async def test_mending_makes_the_set_what_is_in_the_stream(streams: Streams, raw: Redis) -> None:
    """Missing ids would be offered twice, surplus ones never again."""
    offered = ids(4)
    await streams.offer([EMAIL], offered)
    assert await streams.reconcile(EMAIL) == 0

    await raw.sadd(keys.outstanding(EMAIL), *(item.hex for item in ids(2)))
    assert await streams.reconcile(EMAIL) == 2
    await raw.delete(keys.outstanding(EMAIL))
    assert await streams.reconcile(EMAIL) == -4
    assert await raw.smembers(keys.outstanding(EMAIL)) == {item.hex for item in offered}
    await raw.delete(EMAIL)
    assert await streams.reconcile(EMAIL) == 4
    assert await streams.offer([EMAIL], offered) == 4


async def test_no_entry_holds_more_than_an_id(streams: Streams, raw: Redis) -> None:
    """Nothing personal is in Valkey."""
    offered = ids(1)
    await streams.offer([EMAIL], offered)
    entries: Any = await raw.xrange(EMAIL)
    ((_, fields),) = entries

    assert fields == {"id": offered[0].hex}
    assert set(await raw.keys("*")) <= {EMAIL, keys.outstanding(EMAIL)}


EVERY_COMMAND: dict[str, Callable[[Streams], Awaitable[object]]] = {
    "offer": lambda s: s.offer([EMAIL], ids(1)),
    "read": lambda s: s.read(NIK_STREAMS, consumer="1", count=1),
    "read_own": lambda s: s.read_own(EMAIL, consumer="1", count=1),
    "acknowledge": lambda s: s.acknowledge([Entry(EMAIL, "1-1", uuid4())]),
    "renew": lambda s: s.renew(EMAIL, consumer="1", entry_ids=["1-1"]),
    "hand_back": lambda s: s.hand_back(EMAIL, consumer="1", entry_ids=["1-1"]),
    "find_expired": lambda s: s.find_expired(EMAIL, lease_seconds=1.0, count=1),
    "claim": lambda s: s.claim(EMAIL, consumer="1", lease_seconds=1.0, entry_ids=["1-1"]),
    "reconcile": lambda s: s.reconcile(EMAIL),
    "size": lambda s: s.size(EMAIL),
    "hold_lease": lambda s: s.hold_lease("relay", holder="1", seconds=1.0),
    "ping": lambda s: s.ping(),
}


async def failures(streams: Streams) -> dict[str, str]:
    """How each command fails, by name; every other way than `Retryable` passes through."""
    found = {}
    for name, command in EVERY_COMMAND.items():
        try:
            await command(streams)
        except Retryable as error:
            found[name] = error.cause
    return found


async def test_a_killed_server_is_retryable_and_comes_back(
    server: embedded.ServerProcess | DebianRedis, streams: Streams
) -> None:
    """No other error comes out, and the same object works again once the server does."""
    await streams.offer([EMAIL], ids(1))
    await read_all(streams)
    server.kill()
    try:
        assert await failures(streams) == dict.fromkeys(EVERY_COMMAND, "redis_unreachable")
    finally:
        server.start()

    await streams.ping()
    assert await streams.offer([EMAIL], ids(2)) == 2
    assert len(await read_all(streams)) >= 2


async def test_a_server_that_dies_under_a_blocked_reader_is_retryable(
    server: embedded.ServerProcess | DebianRedis, streams: Streams
) -> None:
    """The reader's loop goes on, whatever the socket says."""
    await streams.size(EMAIL)
    reading = asyncio.create_task(streams.read([EMAIL], consumer="1", count=1))
    for _ in range(5):
        await asyncio.sleep(0.01)
    server.kill()
    try:
        with pytest.raises(Retryable):
            await reading
    finally:
        server.start()


async def test_a_server_that_does_not_answer_is_retryable(
    server: embedded.ServerProcess | DebianRedis, raw: Redis
) -> None:
    """A time-out is a failure like any other."""
    streams = Streams(server.url, timeout_seconds=0.3, cap=CAP)
    await streams.size(EMAIL)
    await raw.client_pause(1_500)
    try:
        with pytest.raises(Retryable):
            await streams.offer([EMAIL], ids(1))
        with pytest.raises(Retryable):
            await streams.ping()
    finally:
        await raw.client_unpause()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await streams.ping()
    await streams.close()


@pytest.mark.parametrize("call", ["offer", "read", "acknowledge", "size", "ping"])
async def test_a_cancellation_is_never_swallowed(streams: Streams, call: str) -> None:
    """Whenever it comes: a loop whose cancellation got lost would never end, and a stopping process would hang."""
    await failures(streams)  # every script is loaded, every group is there
    for steps in range(30):
        task = asyncio.ensure_future(EVERY_COMMAND[call](streams))
        for _ in range(steps):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), f"after {steps} steps"


async def test_cancelled_commands_leave_no_connection_behind(streams: Streams) -> None:
    """A pool that leaked would soon refuse everyone (I12)."""
    await streams.size(EMAIL)
    for number in range(70):
        tasks = [
            asyncio.create_task(streams.offer([EMAIL], ids(1))),
            asyncio.create_task(streams.read([EMAIL], consumer="1", count=1)),
            asyncio.create_task(streams.size(EMAIL)),
        ]
        for _ in range(number % 7):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    await asyncio.gather(*(streams.ping() for _ in range(50)))
    await asyncio.gather(*(streams.read([EMAIL], consumer="2", count=1) for _ in range(2)))
