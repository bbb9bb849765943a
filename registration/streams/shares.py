"""Shares of a contract's ceiling, leased to workers: how many calls may be under way, and when calls may start.

Guarantee: what all workers together may do stays within the terms, whatever dies, is cut off or is forgotten
(`lua/exchange_shares.lua` says how). A share ends by itself when it is not renewed. Nothing here is the truth: a wiped
Valkey grants nothing until all that it forgot has ended.
"""

from typing import Any

import msgspec

from registration.checks import Kind
from registration.streams.streams import Streams


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the contract allows, and how it is shared. Every worker must have the same.

    `static_slots` is the share of one worker that needs no lease, kept free for `places` workers; `spacing_ms` stands
    between two leased starts, which are handed out `horizon_ms` ahead. A share lives `ttl_ms`; a silent worker counts
    for `hold_ms`, and keeps its place among the workers for `place_ms`.
    """

    ceiling_slots: int
    static_slots: int
    places: int
    spacing_ms: float
    horizon_ms: float
    ttl_ms: float
    hold_ms: float
    place_ms: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker holds, wants and has measured.

    `slot` is its stable name, `life` this process. `allowed` is how many calls it believes it may have under way now.
    `starts` is how many start times it wants. `window` is text for whoever steers; `limit` (-1: none), `word` and
    `steering` come from that one. `close_ms` closes the gate for all.
    """

    terms: Terms
    slot: str
    life: str
    demand: int = 0
    allowed: int = 0
    in_flight: int = 0
    starts: int = 0
    window: str = ""
    close_ms: float = 0.0
    limit: int = -1
    word: str = ""
    steering: str = ""
    leaving: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's share, and the pool as it is. Start times count from the moment in which the server answered.

    Without a place there are more workers than the terms foresee: this one may do nothing, not even its static share.
    While `quiet_ms` lasts there are only static shares. `limit` is -1 until somebody has steered. `now_ms` is the
    server's time.
    """

    slots: int
    has_place: bool
    quiet_ms: float = 0.0
    closed_ms: float = 0.0
    first_start_ms: float = 0.0
    spacing_ms: float = 0.0
    starts: int = 0
    limit: int = -1
    word: str = ""
    in_flight: int = 0
    workers: int = 0
    steers: bool = False
    took_over: bool = False
    steering: str = ""
    windows: tuple[str, ...] = ()
    now_ms: float = 0.0


class Pool(msgspec.Struct, frozen=True):
    """How the pool is steered, for people: calls allowed (-1: nobody has steered), calls under way, workers, a word.

    While `quiet_seconds` last, workers have their static shares only.
    """

    limit: int
    in_flight: int
    workers: int
    word: str
    quiet_seconds: float = 0.0


class _Worker(msgspec.Struct):
    in_flight: float = 0.0
    seen: float = 0.0


class _State(msgspec.Struct):
    limit: float = -1.0
    word: str = ""
    at: float = 0.0
    quiet_until: float = 0.0
    workers: Any = None  # Lua writes an empty table as an empty list


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Grant).decode
_decode_state = msgspec.msgpack.Decoder(_State).decode
_RECENTLY_MS = 3_000.0


async def exchange(streams: Streams, kind: Kind, report: Report) -> Grant:
    """Tell what this worker does and get its share. Raises `Retryable`; the share before then runs on to its end."""
    return _decode(await streams.exchange_shares(kind, _encode(report)))


async def read_pool(streams: Streams, kind: Kind) -> Pool | None:
    """How a kind's pool stands, without taking part in it; None when no worker is here. Raises `Retryable`."""
    packed, now_ms = await streams.read_shares(kind)
    if packed is None or (state := _decode_state(packed)).at < now_ms - _RECENTLY_MS:
        return None
    found = msgspec.convert(state.workers if isinstance(state.workers, dict) else {}, dict[str, _Worker])
    here = [worker for worker in found.values() if worker.seen > state.at - _RECENTLY_MS]
    return Pool(
        limit=int(state.limit),
        in_flight=int(sum(worker.in_flight for worker in here)),
        workers=len(here),
        word=state.word,
        quiet_seconds=max(0.0, state.quiet_until - now_ms) / 1_000,
    )
