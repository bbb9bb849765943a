"""The system under fault, as whoever harms it sees it: its processes by name, its stand-ins, its proxy, its stores.

PostgreSQL and Valkey are reached straight, not through the proxy: what watches must not suffer what it watches. If this
process dies, whoever started the system ends it, and with it every fault.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from loadtest.bench import stock
from registration.store.database import Database
from registration.streams.streams import Streams

_BACK_SECONDS = 60.0
_POLL_SECONDS = 0.05
_STATEMENT_SECONDS = 120.0
_OK = 200
_HARMFUL = frozenset({signal.SIGKILL, signal.SIGSTOP})  # who is asked to end ends what it has in the act
_WIPE = "FLUSHALL"


class EnvironmentFailedError(Exception):
    """The system under fault is not there any more, or never was: the run says nothing."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where the system is. `endpoints` reads `endpoints.json` anew; `valkey_data` holds its append-only file."""

    endpoints: Callable[[], Mapping[str, Any] | None]
    keys: str
    valkey_data: Path
    lease_seconds: float
    rate_ceiling: float
    concurrency_ceiling: int
    stream_cap: int
    calls_at_once: int  # of one worker


@dataclass
class Ground:
    """The system, open. `harms` counts by process or link whatever may have cut off what was in the act there."""

    site: Site
    session: aiohttp.ClientSession
    database: Database
    streams: Streams
    kills: Counter[str] = field(default_factory=Counter)
    harms: Counter[str] = field(default_factory=Counter)

    def endpoint(self, name: str) -> str:
        """One address of `endpoints.json`."""
        found = self._endpoints()[name]
        if not isinstance(found, str):
            raise EnvironmentFailedError(f"the system runs without {name}")
        return found

    def processes(self, prefix: str) -> list[str]:
        """The names of the processes that begin so."""
        return [name for name in self._endpoints()["pids"] if name.startswith(prefix)]

    def pid(self, name: str) -> int | None:
        """A process's id now; None while it is away."""
        pid: int | None = self._endpoints()["pids"].get(name)
        return pid

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal to a process and all it started; returns its id. One that is away is left alone."""
        pid = self.pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)  # every service leads a group of its own
                self.kills[name] += number is signal.SIGKILL
                self.harms[name] += number in _HARMFUL
        return pid

    async def returned(self, name: str, before: int | None) -> float:
        """Wait until another process has this name and is ready; returns after how many seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (now := self.pid(name)) is None or now == before:
            if loop.time() - began > _BACK_SECONDS:
                raise EnvironmentFailedError(f"{name} did not come back")
            await asyncio.sleep(_POLL_SECONDS)
        return loop.time() - began

    async def ministry(self, **control: object) -> None:
        """Set the ministry's mood, whole."""
        await self._send("PUT", f"{self.endpoint('ministry')}/control", control)

    async def ministry_calls(self, query: str = "by_nik=no") -> Mapping[str, Any]:
        """The ministry's account."""
        return await self.get(f"{self.endpoint('ministry')}/calls?{query}")

    async def harm(self, link: str, **faults: object) -> None:
        """Give a link of the proxy these faults; none heals it."""
        self.harms[link] += bool(faults)
        await self._send("PUT", f"{self.endpoint('fault_proxy')}/links/{link}/faults", faults)

    async def cut(self, link: str) -> None:
        """Reset every connection of a link."""
        self.harms[link] += 1
        await self._send("POST", f"{self.endpoint('fault_proxy')}/links/{link}/cut", None)

    async def get(self, url: str) -> Mapping[str, Any]:
        """A JSON object."""
        async with self.session.get(url) as response:
            found: Mapping[str, Any] = await response.json()
            return found

    async def valkey(self, command: str) -> str:
        """Valkey's answer to one command; raises OSError when it is away."""
        self.harms["valkey"] += command == _WIPE
        path = self.endpoint("redis_url").removeprefix("unix://")
        return await asyncio.to_thread(stock.valkey, path, command)

    async def _send(self, method: str, url: str, body: Mapping[str, object] | None) -> None:
        async with self.session.request(method, url, json=body) as response:
            if response.status != _OK:
                raise EnvironmentFailedError(f"{method} {url}: {response.status} {await response.text()}")

    def _endpoints(self) -> Mapping[str, Any]:
        found = self.site.endpoints()
        if found is None:
            raise EnvironmentFailedError("the system has ended")
        return found


@asynccontextmanager
async def opened(site: Site) -> AsyncIterator[Ground]:
    """The ground with its connections, for as long as the block lasts."""
    found = site.endpoints()
    if found is None:
        raise EnvironmentFailedError("no system runs there")
    database = await Database.connect(
        found["database_url"], pool_size=3, timeout_seconds=_STATEMENT_SECONDS, name="chaos"
    )
    streams = Streams(found["redis_url"], timeout_seconds=5.0, cap=site.stream_cap)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60.0)) as session:
            yield Ground(site=site, session=session, database=database, streams=streams)
    finally:
        await streams.close()
        await database.close()
