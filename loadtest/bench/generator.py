"""The load generator for machines without wrk, and for overload, where refusals are timed apart from acceptances.

    BENCH_… variables as for wrk.lua; python -m loadtest.bench.generator URL CONNECTIONS

Raw sockets, keep-alive, one request at a time on each connection. With BENCH_EVERY_SECONDS each client asks by its own
clock instead of at once after its answer, never a second time before its answer is here. A connection that the server
closes behind an answer is made anew with the next request, whose time then holds that.

Answers are told apart by their status line and two headers, nothing more: it is for the servers of this bench only.
"""

import array
import asyncio
import gc
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import SplitResult, urlsplit

import msgspec
import uvloop

from loadtest.bench.load import DRAIN_SECONDS, Load

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_RETRY_AFTER = b"\r\nretry-after: "


def _times() -> "array.array[float]":
    return array.array("d")


@dataclass
class Tally:
    """What all connections share: whose turn it is, and what came back."""

    url: SplitResult
    head: bytes
    tails: list[bytes]
    first_body: int
    ends_at: float
    every_seconds: float
    sent: int = 0
    broken: int = 0
    without_retry_after: int = 0
    last: float = 0.0
    accepted: "array.array[float]" = field(default_factory=_times)
    refused: "array.array[float]" = field(default_factory=_times)

    def next_request(self) -> bytes:
        """A request that was never sent before."""
        self.sent += 1
        return b"%b%d%b" % (self.head, self.sent, self.tails[(self.first_body + self.sent) % len(self.tails)])

    def count(self, status: int, answer: bytes, seconds: float) -> None:
        """Note one answer."""
        if 200 <= status < 300:  # noqa: PLR2004 - success
            self.accepted.append(seconds)
        else:
            self.refused.append(seconds)
            self.without_retry_after += _RETRY_AFTER not in answer.lower()


class Client(asyncio.Protocol):
    """One client: asks, waits, asks again, until the time is up."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[object] | None = None
        self._received = b""
        self._asked_at = 0.0
        self._due = 0.0
        self._owed = False
        self.ended = self._loop.create_future()

    def start(self, after_seconds: float) -> None:
        """Ask for the first time then."""
        self._due = time.monotonic() + after_seconds
        self._loop.call_later(after_seconds, self._ask)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request for which it was made."""
        self._transport = cast("asyncio.Transport", transport)  # TCP gives no other; uvloop's is one by shape only
        self._transport.write(self._tally.next_request())

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole."""
        self._received += data
        status = parse_answer(self._received)
        if status is None:
            return
        answer, self._received = self._received, b""
        self._owed = False
        self._tally.last = time.monotonic()
        self._tally.count(status, answer, self._tally.last - self._asked_at)
        self._due += self._tally.every_seconds
        wait = self._due - self._tally.last
        if self._tally.every_seconds and wait > 0:
            self._loop.call_later(wait, self._ask)
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it as broken when an answer was still owed."""
        del exc
        self._transport = None
        if self._owed:
            self._tally.broken += 1
            self._end()

    def _ask(self) -> None:
        if self.ended.done():
            return
        if time.monotonic() >= self._tally.ends_at:
            self._end()
            return
        self._asked_at = time.monotonic()
        self._owed = True
        if self._transport is None or self._transport.is_closing():
            self._connecting = self._loop.create_task(self._connect())
        else:
            self._transport.write(self._tally.next_request())

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: self, self._tally.url.hostname or "", self._tally.url.port or 80)
        except OSError:
            self._tally.broken += 1
            self._end()

    def _end(self) -> None:
        self.ended.set_result(None)
        if self._transport is not None:
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
        url=address,
        head=(
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {os.environ['BENCH_PREFIX']}-"
        ).encode(),
        tails=_tails(Path(os.environ["BENCH_BODIES"])),
        first_body=int(os.environ["BENCH_FIRST_BODY"]),
        ends_at=began + float(os.environ["BENCH_SECONDS"]),
        every_seconds=float(os.environ.get("BENCH_EVERY_SECONDS", "0")),
    )
    clients = [Client(tally) for _ in range(connections)]
    for number, client in enumerate(clients):
        client.start(tally.every_seconds * number / connections)
    await asyncio.wait([client.ended for client in clients], timeout=tally.ends_at - began + DRAIN_SECONDS)
    accepted, refused = sorted(tally.accepted), sorted(tally.refused)
    together = sorted((*accepted, *refused))
    return Load(
        accepted=len(accepted),
        refused=len(refused),
        broken=tally.broken + sum(not client.ended.done() for client in clients),
        seconds=max(tally.last - began, 1e-9),
        p50_ms=_percentile(together, 0.50) * 1e3,
        p99_ms=_percentile(together, 0.99) * 1e3,
        accepted_p99_ms=_percentile(accepted, 0.99) * 1e3,
        refused_p99_ms=_percentile(refused, 0.99) * 1e3,
        without_retry_after=tally.without_retry_after,
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _tails(bodies: Path) -> list[bytes]:
    lines = bodies.read_bytes().splitlines()
    return [b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in lines]


if __name__ == "__main__":
    gc.disable()  # a short life, and what it waited for would count as the server's
    found = uvloop.run(generate(sys.argv[1], int(sys.argv[2])))
    Path(os.environ["BENCH_RESULT"]).write_bytes(msgspec.json.encode(found))
