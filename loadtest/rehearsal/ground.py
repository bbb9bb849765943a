"""What every rehearsal stands on: a running stack, its database and keys, a killer, and the person who watches.

Everything is in memory: a rehearsal that is killed proves nothing.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.killer import Killer
from registration.runtime import insist
from registration.sealing import KeyRing
from registration.store.database import Database

# Enough that those whom a killed process holds up are not the whole crowd.
AT_ONCE = 256
_SAY_SECONDS = 5.0
Person = TypeVar("Person")
Result = TypeVar("Result")


class Ground:
    """One run's surroundings. `kill_every_seconds` 0 kills nobody."""

    def __init__(  # noqa: PLR0913 - what a command hands in
        self,
        *,
        endpoints: Callable[[], Mapping[str, Any] | None],
        ring: KeyRing,
        database: Database,
        console: Console,
        seed: int,
        kill_every_seconds: float,
        command: str,
        folder: Path,
    ) -> None:
        self.ring = ring
        self.database = database
        self.console = console
        self.seed = seed
        self.folder = folder
        self.randomness = random.Random(seed)  # noqa: S311 - made-up people
        self.addresses: Mapping[str, Any] = endpoints() or {}
        self._command = command
        self._killer = Killer(endpoints, self.randomness, pause_seconds=kill_every_seconds)
        self._kills_some = kill_every_seconds > 0
        self._began = time.monotonic()

    @property
    def front_door(self) -> str:
        """Its address."""
        return str(self.addresses["front_door"])

    @contextlib.asynccontextmanager
    async def killing(self) -> AsyncIterator[None]:
        """Processes are killed while the block lasts, if that was asked for."""
        task = asyncio.create_task(self._killer.run()) if self._kills_some else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def insist(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """What the database says in the end, whatever is killed under it."""
        return await insist(call, role="rehearsal")

    async def everybody(
        self, what: str, people: Sequence[Person], act: Callable[[Person], Awaitable[Result]], *, at_once: int = AT_ONCE
    ) -> list[Result]:
        """What everybody's act gives, in order, so many at once; now and then it says how many are `what`."""
        free = asyncio.Semaphore(at_once)
        through = 0

        async def one(person: Person) -> Result:
            nonlocal through
            async with free:
                result = await act(person)
            through += 1
            return result

        async def tell() -> None:
            while True:
                await asyncio.sleep(_SAY_SECONDS)
                self.say(f"{through:,} of {len(people):,} {what}")

        telling = asyncio.create_task(tell())
        try:
            return list(await asyncio.gather(*(one(person) for person in people)))
        finally:
            telling.cancel()

    def say(self, words: str) -> None:
        """One line with the time."""
        self.console.print(f"[{time.monotonic() - self._began:6.1f} s] {words}", markup=False, highlight=False)

    def findings(self, name: str, numbers: Mapping[str, float], claims: Sequence[Claim]) -> Findings:
        """The run's result."""
        return Findings(
            name=name,
            command=self._command,
            seconds=round(time.monotonic() - self._began, 1),
            kills=self._killer.kills,
            numbers=numbers,
            claims=tuple(claims),
        )
