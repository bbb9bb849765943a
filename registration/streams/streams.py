"""Entries on their way to workers: offered once, leased to one consumer, handed on when it dies.

Guarantee: an id is in a stream at most once. Nothing here is the truth: wipe Valkey at any moment and the relay offers
again what PostgreSQL still has open. All failures are `Retryable("redis_unreachable")`; every command is safe to
repeat.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from registration.checks import Kind
from registration.errors import Retryable
from registration.streams import keys

_BLOCK_MILLISECONDS = 1_000
_ID_FIELD = b"id"


class Entry(msgspec.Struct, frozen=True):
    """One delivery of a registration's id."""

    stream: str
    entry_id: str
    registration_id: UUID


class Expired(msgspec.Struct, frozen=True):
    """An entry whose consumer gave no sign of life for `idle_seconds`, and how often it was delivered."""

    stream: str
    entry_id: str
    deliveries: int
    consumer: str
    idle_seconds: float


class StreamSize(msgspec.Struct, frozen=True):
    """Entries in a stream, and those of them that some consumer holds."""

    length: int
    pending: int


class Streams:
    """Commands on the streams, over a bounded pool that waits for a free connection."""

    def __init__(self, url: str, *, timeout_seconds: float, cap: int, connections: int = 8) -> None:
        self._redis = _client(url, timeout_seconds=timeout_seconds, connections=connections)
        # A blocking read must not meet the other commands' time-out, nor hold one of their connections.
        self._reader = _client(url, timeout_seconds=timeout_seconds + _BLOCK_MILLISECONDS / 1_000, connections=2)
        self._cap = cap
        self._enqueue = self._script("enqueue")
        self._acknowledge = self._script("acknowledge")
        self._reconcile = self._script("reconcile")
        self._hold_lease = self._script("hold_lease")
        self._charge = self._script("charge")
        self._tally = self._script("tally")
        self._claim_identities = self._script("claim_identities")
        self._exchange_shares = self._script("exchange_shares")

    async def offer(self, stream_names: Sequence[str], ids: Sequence[UUID]) -> int:
        """Add these ids to each stream where they are not outstanding, up to the cap; returns how many were added."""
        if not ids:
            return 0
        names = [name for stream in stream_names for name in (stream, keys.outstanding(stream))]
        async with _translated():
            added: int = await self._enqueue(keys=names, args=[self._cap, "".join([item.hex for item in ids])])
        return added

    async def read(self, stream_names: Sequence[str], *, consumer: str, count: int) -> Sequence[Entry]:
        """Up to `count` undelivered entries of the first stream that has any; blocks up to a second when none has."""
        for name in stream_names[:-1]:
            entries = await self._read({name: ">"}, consumer=consumer, count=count, block=None)
            if entries:
                return entries
        positions = dict.fromkeys(stream_names, ">")
        return await self._read(positions, consumer=consumer, count=count, block=_BLOCK_MILLISECONDS)

    async def read_own(self, stream_name: str, *, consumer: str, count: int, after: str = "0") -> Sequence[Entry]:
        """Entries that this consumer already holds: an earlier life's, or those of a reply that was lost."""
        return await self._read({stream_name: after}, consumer=consumer, count=count, block=None)

    async def acknowledge(self, entries: Sequence[Entry]) -> None:
        """End entries whose outcome is persisted."""
        for name in {entry.stream for entry in entries}:
            pairs = [part for e in entries if e.stream == name for part in (e.entry_id, e.registration_id.hex)]
            async with _translated():
                await self._acknowledge(keys=[name, keys.outstanding(name)], args=[keys.GROUP, *pairs])

    async def renew(self, stream_name: str, *, consumer: str, entry_ids: Sequence[str]) -> None:
        """Give a sign of life for entries that are being worked on, without counting a delivery."""
        async with _translated():
            await self._redis.xclaim(stream_name, keys.GROUP, consumer, 0, list(entry_ids), justid=True)

    async def hand_back(self, stream_name: str, *, consumer: str, entry_ids: Sequence[str]) -> None:
        """Give entries up at once and uncharged: as idle as can be, with no delivery counted."""
        async with _translated():
            await self._redis.xclaim(
                stream_name, keys.GROUP, consumer, 0, list(entry_ids), idle=3_600_000, retrycount=0, justid=True
            )

    async def find_expired(
        self, stream_name: str, *, lease_seconds: float, count: int, consumer: str | None = None
    ) -> Sequence[Expired]:
        """Entries without a sign of life for longer than the lease, whoever holds them, or this consumer alone."""
        rows = await self._in_group(
            [stream_name],
            lambda: self._redis.xpending_range(
                stream_name,
                keys.GROUP,
                min="-",
                max="+",
                count=count,
                consumername=consumer,
                idle=int(lease_seconds * 1_000),
            ),
        )
        return [_expired(stream_name, row) for row in rows or ()]

    async def claim(
        self, stream_name: str, *, consumer: str, lease_seconds: float, entry_ids: Sequence[str]
    ) -> Sequence[Entry]:
        """Take over expired entries; those renewed in the meantime stay where they are. Counts a delivery.

        An entry that holds no id is none of ours and is removed.
        """
        async with _translated():
            rows = await self._redis.xclaim(
                stream_name, keys.GROUP, consumer, int(lease_seconds * 1_000), list(entry_ids)
            )
            entries = _entries(stream_name, rows)
            foreign = {entry_id.decode() for entry_id, _ in rows} - {entry.entry_id for entry in entries}
            for entry_id in foreign:
                await self._redis.xack(stream_name, keys.GROUP, entry_id)
                await self._redis.xdel(stream_name, entry_id)
        return entries

    async def reconcile(self, stream_name: str) -> int:
        """Mend the set of outstanding ids; returns by how many it differed from the stream (0 unless tampered with)."""
        async with _translated():
            difference: int = await self._reconcile(keys=[stream_name, keys.outstanding(stream_name)])
        return difference

    async def size(self, stream_name: str) -> StreamSize:
        """How full a stream is."""
        pending = await self._in_group([stream_name], lambda: self._redis.xpending(stream_name, keys.GROUP))
        async with _translated():
            length = await self._redis.xlen(stream_name)
        return StreamSize(length, pending["pending"] if pending else 0)

    async def hold_lease(self, duty: str, *, holder: str, seconds: float) -> bool:
        """Take or keep the lease on a duty; it ends by itself when its holder stops asking."""
        async with _translated():
            held: int = await self._hold_lease(keys=[keys.lease(duty)], args=[holder, int(seconds * 1_000)])
        return bool(held)

    async def charge(self, sketches: Sequence[str], packed_uses: bytes, *, seconds: int) -> Sequence[int]:
        """Count uses in sketches that live so long (`streams.limits`); returns the count of each use."""
        async with _translated():
            counts: Sequence[int] = await self._charge(keys=sketches, args=[seconds, packed_uses])
        return counts

    async def claim_identities(
        self, names: Sequence[str], *, holder: str, seconds: float, given_up: int
    ) -> Sequence[bool]:
        """Give up the first so many claims and take or keep the others (`streams.claims`); tells which are held."""
        async with _translated():
            answers = await self._claim_identities(keys=names, args=[holder, int(seconds * 1_000), given_up])
        return [bool(answer) for answer in answers]

    async def exchange_shares(self, kind: Kind, packed_report: bytes) -> bytes:
        """Tell what a worker does and get its share, both packed (`streams.shares`)."""
        async with _translated():
            packed_grant: bytes = await self._exchange_shares(keys=[keys.shares(kind)], args=[packed_report])
        return packed_grant

    async def read_shares(self, kind: Kind) -> tuple[bytes | None, float]:
        """What is kept beside the shares, packed, or None when there is nothing; and the server's time in ms."""
        async with _translated():
            packed_state: bytes | None = await self._redis.get(keys.shares(kind))
            seconds, microseconds = await self._redis.time()
        return packed_state, seconds * 1_000 + microseconds / 1_000

    async def tally(self, kind: Kind, verdicts: int = 0) -> float:
        """Count verdicts that were recorded, if any; returns the verdicts per second of the last minute."""
        async with _translated():
            count: int = await self._tally(keys=[keys.tally(kind)], args=[verdicts])
        return count / 60

    async def ping(self) -> None:
        """Raise `Retryable` unless Valkey answers."""
        async with _translated():
            await self._redis.ping()

    async def memory_bytes(self) -> int:
        """Memory that the server uses."""
        async with _translated():
            found = await self._redis.info("memory")
        return int(found["used_memory"])

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
        await self._reader.aclose()

    async def _read(
        self, positions: dict[str, str], *, consumer: str, count: int, block: int | None
    ) -> Sequence[Entry]:
        rows = await self._in_group(
            list(positions),
            lambda: self._reader.xreadgroup(keys.GROUP, consumer, dict(positions), count=count, block=block),
        )
        return [entry for name, found in rows or () for entry in _entries(name.decode(), found)]

    async def _in_group(self, stream_names: Sequence[str], command: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - redis-py's replies
        """The command's reply; None where the group was gone (an empty Valkey) and had to be made again."""
        async with _translated():
            try:
                return await command()
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                for name in stream_names:
                    await self._create_group(name)
        return None

    async def _create_group(self, stream_name: str) -> None:
        try:
            await self._redis.xgroup_create(stream_name, keys.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _script(self, name: str) -> Any:  # noqa: ANN401 - redis-py's script object is untyped
        text = resources.files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
        return self._redis.register_script(text)


def _client(url: str, *, timeout_seconds: float, connections: int) -> Any:  # noqa: ANN401 - its types are loose
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def _entries(stream_name: str, rows: Sequence[Any]) -> Sequence[Entry]:
    """The entries that hold an id; a deleted one comes without fields."""
    found = ((entry_id, _registration_id(fields)) for entry_id, fields in rows)
    return [Entry(stream_name, entry_id.decode(), item) for entry_id, item in found if item is not None]


def _expired(stream_name: str, row: Mapping[str, Any]) -> Expired:
    return Expired(
        stream=stream_name,
        entry_id=row["message_id"].decode(),
        deliveries=row["times_delivered"],
        consumer=row["consumer"].decode(),
        idle_seconds=row["time_since_delivered"] / 1_000,
    )


def _registration_id(fields: Mapping[bytes, bytes] | None) -> UUID | None:
    try:
        return UUID(hex=(fields or {})[_ID_FIELD].decode())
    except (KeyError, ValueError):
        return None


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Failures as ours, and no cancellation lost.

    The client sends through `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes as the
    sending ends (python/cpython#86296), so one that came in meanwhile is raised here.
    """
    task = asyncio.current_task()
    cancellations = task.cancelling() if task is not None else 0
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        if task is not None and task.cancelling() > cancellations:
            raise asyncio.CancelledError from error
        raise Retryable("redis_unreachable") from error
    if task is not None and task.cancelling() > cancellations:
        raise asyncio.CancelledError
