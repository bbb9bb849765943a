"""What can be done to a running system, by name. `FAULTS` is the one table.

A passing fault strikes, is there for a few seconds, and is gone; several may be there at once. A drill has the system
for itself, measures what it promises, and leaves it as it was.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from loadtest.chaos.crowd import Crowd
from loadtest.chaos.ground import Ground


class Finding(msgspec.Struct, frozen=True):
    """One invariant, what was seen of it, and whether it holds; None where the figure is only reported."""

    invariant: str
    what: str
    figure: str
    holds: bool | None


class Busy:
    """The processes and links that some fault has in hand, so that no other harms them at the same time."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def one_of(self, names: Callable[[], Sequence[str]], chance: random.Random) -> AsyncIterator[str]:
        """One that is free, for as long as the block lasts; waits for one."""
        async with self._freed:
            while not (free := [name for name in names() if name not in self._names]):
                await self._freed.wait()
            name = chance.choice(free)
            self._names.add(name)
        try:
            yield name
        finally:
            async with self._freed:
                self._names.discard(name)
                self._freed.notify_all()


@dataclass
class Arena:
    """What a fault may use."""

    ground: Ground
    crowd: Crowd
    randomness: random.Random
    backlog: int
    outage_seconds: float
    busy: Busy = field(default_factory=Busy)
    backlog_ids: set[UUID] = field(default_factory=set)  # rows that a drill put in, acked by nobody
    findings: list[Finding] = field(default_factory=list)
    poisoned: set[UUID] = field(default_factory=set)  # set aside on purpose
    redeliveries: list[float] = field(default_factory=list)  # seconds
    exits: list[float] = field(default_factory=list)  # seconds from SIGTERM to the end


Strike = Callable[[Arena], Awaitable[None]]


class Fault(msgspec.Struct, frozen=True):
    """`weight` is how often a passing fault is drawn beside the others; `kills` whether its strikes count as kills."""

    name: str
    does: str
    strike: Strike
    weight: int = 1
    kills: bool = False
    is_drill: bool = False


def table(*faults: Fault) -> Mapping[str, Fault]:
    """Faults by name."""
    return {fault.name: fault for fault in faults}
