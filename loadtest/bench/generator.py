"""The load generator for machines without wrk: raw sockets, keep-alive, one request at a time on each connection.

    BENCH_… variables as for wrk.lua; python -m loadtest.bench.generator URL CONNECTIONS

Answers are told apart by their status line and Content-Length, nothing more: it is for the servers of this bench only.
"""

import array
import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from loadtest.bench.load import DRAIN_SECONDS, Load

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class Tally:
    """What all connections share: whose turn it is, and what came back."""

    head: bytes
    tails: list[bytes]
    ends_at: float
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    broken: int = 0
    last: float = 0.0
    latencies: "array.array[float]" = field(default_factory=lambda: array.array("d"))

    def next_request(self) -> bytes:
        """A request that was never sent before."""
        self.sent += 1
        return b"%b%d%b" % (self.head, self.sent, self.tails[self.sent % len(self.tails)])


class Connection(asyncio.Protocol):
    """One client: asks, waits, asks again, until the time is up."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._received = b""
        self._asked_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)  # TCP gives no other; uvloop's is one by shape only
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole."""
        self._received += data
        status = parse_answer(self._received)
        if status is None:
            return
        self._received = b""
        now = time.monotonic()
        self._tally.latencies.append(now - self._asked_at)
        self._tally.last = now
        if 200 <= status < 300:  # noqa: PLR2004 - success
            self._tally.accepted += 1
        else:
            self._tally.refused += 1
        if now < self._tally.ends_at:
            self._ask()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it as broken when an answer was still owed."""
        del exc
        if not self.ended.done():
            self._tally.broken += 1
            self._end()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._transport.write(self._tally.next_request())

    def _end(self) -> None:
        self.ended.set_result(None)
        self._transport.close()


def parse_answer(received: bytes) -> int | None:
    """The status of an answer that is whole, else None."""
    head, separator, body = received.partition(_END_OF_HEAD)
    if not separator:
        return None
    lines = head.split(b"\r\n")
    length = next((int(line[len(_LENGTH) :]) for line in lines[1:] if line.lower().startswith(_LENGTH)), 0)
    return int(lines[0].split(b" ", 2)[1]) if len(body) >= length else None


async def generate(url: str, connections: int) -> Load:
    """Offer the load that the environment describes."""
    address = urlsplit(url)
    began = time.monotonic()
    tally = Tally(
        head=(
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {os.environ['BENCH_PREFIX']}-"
        ).encode(),
        tails=_tails(Path(os.environ["BENCH_BODIES"])),
        ends_at=began + float(os.environ["BENCH_SECONDS"]),
    )
    loop = asyncio.get_running_loop()
    opened = [
        loop.create_connection(lambda: Connection(tally), address.hostname or "", address.port or 80)
        for _ in range(connections)
    ]
    clients = [client for _, client in await asyncio.gather(*opened)]
    await asyncio.wait([client.ended for client in clients], timeout=tally.ends_at - began + DRAIN_SECONDS)
    ordered = sorted(tally.latencies)
    return Load(
        accepted=tally.accepted,
        refused=tally.refused,
        broken=tally.broken + sum(not client.ended.done() for client in clients),
        seconds=max(tally.last - began, 1e-9),
        p50_ms=_percentile(ordered, 0.50) * 1e3,
        p99_ms=_percentile(ordered, 0.99) * 1e3,
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _tails(bodies: Path) -> list[bytes]:
    lines = bodies.read_bytes().splitlines()
    return [b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in lines]


if __name__ == "__main__":
    found = uvloop.run(generate(sys.argv[1], int(sys.argv[2])))
    Path(os.environ["BENCH_RESULT"]).write_bytes(msgspec.json.encode(found))
