"""What networks do: links between the parts cut, silent, slow, sliced, and losing replies. Through the fault proxy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from loadtest.chaos.faults import Arena, Fault, Strike, table

LINKS = ("postgresql", "valkey", "ministry", "smtp", "sms")
_SECONDS = (0.5, 4.0)
_CUTS = 5
_BETWEEN_CUTS_SECONDS = 0.3


def _harm(**faults: object) -> Strike:
    async def strike(arena: Arena) -> None:
        async with _one_link(arena) as link:
            await arena.ground.harm(link, **faults)
            await asyncio.sleep(arena.randomness.uniform(*_SECONDS))

    return strike


async def _cut(arena: Arena) -> None:
    async with _one_link(arena) as link:
        for _ in range(_CUTS):
            await arena.ground.cut(link)
            await asyncio.sleep(_BETWEEN_CUTS_SECONDS)


@contextlib.asynccontextmanager
async def _one_link(arena: Arena) -> AsyncIterator[str]:
    """A link that nobody else harms; it is sound again at the end."""
    async with arena.busy.one_of(lambda: LINKS, arena.randomness) as link:
        try:
            yield link
        finally:
            await arena.ground.harm(link)


NETWORK = table(
    Fault("cut", "every connection of a link reset, five times", _cut),
    Fault("blackhole", "a link silent for 0.5 to 4 s", _harm(blackhole=True)),
    Fault("slow", "a link with 50 to 150 ms more each way", _harm(delay_seconds=0.05, jitter_seconds=0.1)),
    Fault("slice", "a link that hands on 7 bytes at a time", _harm(slice_bytes=7)),
    Fault("lost-replies", "a link on which one reply in five is lost", _harm(drop_reply=0.2)),
    Fault("refuse", "a link that takes no new connections and loses the old ones", _harm(refuse=True, drop_reply=1.0)),
)
