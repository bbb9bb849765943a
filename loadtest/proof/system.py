"""The system under proof: where its parts are, and what a proof reads from it besides what the load generator sees."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from loadtest.bench.stock import with_database
from loadtest.proof.precedence import set_niceness
from registration.checks import Kind, State
from registration.digests import Digests
from registration.sealing import KeyRing
from registration.store.database import Database
from registration.store.upkeep import Ledger, read_ledger
from registration.streams.shares import read_pool
from registration.streams.streams import Streams

_LOOK_UP_AT_ONCE = 5_000
_CALLS_SECONDS = 5.0
_SHARES_SECONDS = 60.0
_LOOK_SECONDS = 0.1
# Workers and stand-ins get what the front door leaves: in production they have pods of their own.
_BACKGROUND_NICENESS = 15
BACKGROUND = ("worker", "simulators")


@dataclass(frozen=True, kw_only=True)
class System:
    """What runs, or how to reach it. `pids` may be empty: then nothing is said about its CPU."""

    front_door: str
    database_url: str
    mailbox: str | None = None
    sms: str | None = None
    ministry: str | None = None
    redis_url: str | None = None
    pids: Mapping[str, int] = field(default_factory=dict)
    ring: KeyRing | None = None

    def durability(self) -> tuple[str, str]:
        """`fsync` and `synchronous_commit` as the database has them; raises `Retryable`."""

        async def ask(database: Database) -> tuple[str, str]:
            (row,) = await database.fetch(
                "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit"
            )
            return str(row["fsync"]), str(row["commit"])

        return with_database(self.database_url, ask)

    def version(self) -> str:
        """PostgreSQL's."""

        async def ask(database: Database) -> str:
            (row,) = await database.fetch("show server_version")
            return str(row["server_version"])

        return with_database(self.database_url, ask)

    def ledger(self) -> Ledger:
        """The books as they stand."""
        return with_database(self.database_url, read_ledger)

    def open_checks(self) -> dict[str, int]:
        """How many checks of each kind are due and not settled: what workers should be working on."""

        async def ask(database: Database) -> dict[str, int]:
            counts = ", ".join(
                f"count(*) filter (where {kind}_state in ('pending', 'delayed') and {kind}_due_at <= now()) as {kind}"
                for kind in Kind
            )
            (row,) = await database.fetch(f"select {counts} from registrations")  # noqa: S608 - names of an enumeration
            return {str(kind): int(row[str(kind)]) for kind in Kind}

        return with_database(self.database_url, ask)

    def stored(self, keys: Iterator[str]) -> tuple[int, int]:
        """How many of these idempotency keys there were, and how many of them are stored. Needs the key ring."""
        if self.ring is None:
            raise ValueError("the key ring is not at hand")
        name = Digests(self.ring).registration_id

        async def look(database: Database) -> tuple[int, int]:
            asked = found = 0
            batch: list[UUID] = []
            for key in keys:
                batch.append(name(key))
                if len(batch) == _LOOK_UP_AT_ONCE:
                    asked, found, batch = asked + len(batch), found + await _count(database, batch), []
            return asked + len(batch), found + await _count(database, batch)

        return with_database(self.database_url, look)

    def step_back(self) -> None:
        """Give workers and stand-ins a lower CPU priority; needs no privilege."""
        for name, pid in self.pids.items():
            if name.startswith(BACKGROUND):
                set_niceness(pid, _BACKGROUND_NICENESS)

    def set_ministry(self, control: Mapping[str, float]) -> None:
        """`PUT /control` of the stand-in; raises OSError."""
        if self.ministry is None:
            raise OSError("there is no stand-in ministry to be set")
        body = json.dumps({name: int(value) if value == int(value) else value for name, value in control.items()})
        request = urllib.request.Request(f"{self.ministry}/control", data=body.encode(), method="PUT")  # noqa: S310 - ours
        try:
            urllib.request.urlopen(request, timeout=_CALLS_SECONDS).close()  # noqa: S310 - ours
        except urllib.error.HTTPError as error:
            raise OSError(
                f"the stand-in ministry refuses {body}: {error.read().decode(errors='replace')[:200]}"
            ) from None

    def await_leased_shares(self) -> None:
        """Return once NIK workers have leased shares of the registry's ceiling; raises OSError when none come in time.

        While a pool is new it has static shares alone, which no controller steers.
        """
        if self.redis_url is None:
            raise OSError("it is not known where Valkey is")
        asyncio.run(_leased(self.redis_url))

    def ministry_calls(self) -> dict[str, float]:
        """Total calls and their peaks, as the stand-in counted them; empty without one."""
        if self.ministry is None:
            return {}
        try:
            with urllib.request.urlopen(f"{self.ministry}/calls?by_nik=no", timeout=_CALLS_SECONDS) as answer:  # noqa: S310 - ours
                found = json.load(answer)
        except (OSError, ValueError):
            return {}
        return {
            name: float(found[source])
            for name, source in (
                ("total", "total"),
                ("per_second", "peak_per_second"),
                ("concurrency", "peak_concurrency"),
            )
            if source in found
        }


def open_states(ledger: Ledger) -> dict[str, dict[str, int]]:
    """The ledger's states by plain names."""
    return {
        str(kind): {str(State(state)): count for state, count in counts.items()}
        for kind, counts in ledger.states.items()
    }


async def _leased(redis_url: str) -> None:
    streams = Streams(redis_url, timeout_seconds=_CALLS_SECONDS, cap=1)
    try:
        async with asyncio.timeout(_SHARES_SECONDS):
            while (pool := await read_pool(streams, Kind.NIK)) is None or pool.quiet_seconds:  # noqa: ASYNC110 - Valkey is what is looked at
                await asyncio.sleep(_LOOK_SECONDS if pool is None else pool.quiet_seconds)
    except TimeoutError:
        raise OSError(f"NIK workers have no leased share after {_SHARES_SECONDS:g} s") from None
    finally:
        await streams.close()


async def _count(database: Database, ids: list[UUID]) -> int:
    if not ids:
        return 0
    (row,) = await database.fetch("select count(*) as found from registrations where id = any($1::uuid[])", ids)
    return int(row["found"])
