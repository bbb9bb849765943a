"""What is broken on a game day, and what on-call must be told then. `FAULTS` is the one table.

Each is a context: broken inside, mended behind. What mends it runs also when the run is interrupted.
"""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec

from loadtest.bench.bodies import body
from loadtest.chaos.ground import Ground
from loadtest.chaos.journal import sql
from loadtest.gameday.pager import Told
from registration.checks import Kind
from registration.store import pauses
from simulators.people import make_person

_LEFT_SHARE = 0.06  # of the disk: less than the tenth from which it is nearly full, and room to go on
_LOOK_SECONDS = 0.5
# A crowd: more than the doors take when PostgreSQL answers so late, which is early enough for everybody else.
_CROWD_PER_SECOND = 50
_CROWD_SEED = 16
_CROWD_DELAY_SECONDS = 0.08


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a fault may reach beside the ground. `small_disk` is the system's own file system, where it has one."""

    ground: Ground
    targets: Path
    small_disk: Path | None


Break = Callable[[Site], AbstractAsyncContextManager[None]]


class Fault(msgspec.Struct, frozen=True):
    """One fault: `expects` is what on-call must be told."""

    name: str
    does: str
    expects: Told
    breaks: Break
    needs_small_disk: bool = False


def _freeze(*prefixes: str) -> Break:
    """SIGSTOP: there, and dead to everybody; a supervisor does not notice."""

    @asynccontextmanager
    async def breaks(site: Site) -> AsyncIterator[None]:
        ground = site.ground
        names = [name for prefix in prefixes for name in ground.processes(prefix)]
        pids = {name: ground.signal(name, signal.SIGSTOP) for name in names}
        try:
            yield
        finally:
            for name, pid in pids.items():
                if pid is not None and ground.pid(name) == pid:
                    ground.signal(name, signal.SIGCONT)

    return breaks


def _link(link: str, **faults: object) -> Break:
    """A link of the fault proxy harmed."""

    @asynccontextmanager
    async def breaks(site: Site) -> AsyncIterator[None]:
        await site.ground.harm(link, **faults)
        try:
            yield
        finally:
            await site.ground.harm(link)
            await site.ground.cut(link)  # what hangs in it hangs no longer

    return breaks


def _registry(**control: object) -> Break:
    @asynccontextmanager
    async def breaks(site: Site) -> AsyncIterator[None]:
        await site.ground.ministry(**control)
        try:
            yield
        finally:
            await site.ground.ministry()

    return breaks


@asynccontextmanager
async def _overload(site: Site) -> AsyncIterator[None]:
    """More people than the doors have room for. PostgreSQL answers a little later, so that few are already a crowd."""
    async with _link("postgresql", delay_seconds=_CROWD_DELAY_SECONDS)(site), asyncio.TaskGroup() as tasks:
        crowd = tasks.create_task(_come(site, tasks))
        try:
            yield
        finally:
            crowd.cancel()


async def _come(site: Site, tasks: asyncio.TaskGroup) -> None:
    url = f"{site.ground.endpoint('front_door')}/api/v1/registrations"
    run = uuid4().hex
    for number in itertools.count():
        tasks.create_task(_ask_once(site, url, f"{run}-{number}", body(make_person(_CROWD_SEED, number))))
        await asyncio.sleep(1 / _CROWD_PER_SECOND)


async def _ask_once(site: Site, url: str, key: str, content: bytes) -> None:
    """Somebody who goes away when refused."""
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    with suppress(aiohttp.ClientError, TimeoutError):
        async with site.ground.session.post(url, data=content, headers=headers) as answer:
            await answer.read()


@asynccontextmanager
async def _fill_disk(site: Site) -> AsyncIterator[None]:
    if site.small_disk is None:
        raise ValueError("there is no small disk")
    ballast = site.small_disk / "ballast"
    disk = os.statvfs(site.small_disk)
    size = int((disk.f_bavail - disk.f_blocks * _LEFT_SHARE) * disk.f_frsize)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
    try:
        yield
    finally:
        ballast.unlink()


@asynccontextmanager
async def _unreadable(site: Site) -> AsyncIterator[None]:
    """Registrations whose sealed data is damaged: no try can help them."""
    ids = [uuid4() for _ in range(3)]
    blobs = [os.urandom(16) for _ in ids]
    await site.ground.database.fetch(sql("fill"), ids, blobs, blobs, blobs, [b"damaged"] * len(ids))
    try:
        yield
    finally:
        await site.ground.database.fetch("delete from registrations where id = any($1::uuid[])", ids)


@asynccontextmanager
async def _break_ledger(site: Site) -> AsyncIterator[None]:
    """Somebody who is complete no longer owns the NIK: as if deleted by hand."""
    database = site.ground.database
    while not (  # noqa: ASYNC110 - a row in a database cannot set an event
        rows := await database.fetch(
            "delete from nik_owners where registration_id = (select registration_id from nik_owners limit 1)"
            " returning nik_digest, registration_id, owned_at"
        )
    ):
        await asyncio.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        (row,) = rows
        await database.fetch(
            "insert into nik_owners (nik_digest, registration_id, owned_at) values ($1, $2, $3)",
            row["nik_digest"],
            row["registration_id"],
            row["owned_at"],
        )


@asynccontextmanager
async def _pause(site: Site) -> AsyncIterator[None]:
    await pauses.pause(site.ground.database, Kind.NIK, reason="game day", by="game day")
    try:
        yield
    finally:
        await pauses.resume(site.ground.database, Kind.NIK, by="game day")


@asynccontextmanager
async def _unwatch_doors(site: Site) -> AsyncIterator[None]:
    """Prometheus is not told of the front doors any more."""
    before = site.targets.read_text(encoding="utf-8")
    kept = [group for group in json.loads(before) if not group["labels"]["instance"].startswith("ingest")]
    _replace(site.targets, json.dumps(kept))
    try:
        yield
    finally:
        _replace(site.targets, before)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _page(alert: str, kind: str = "") -> Told:
    return Told(alert, "page", kind)


def _ticket(alert: str, kind: str = "") -> Told:
    return Told(alert, "ticket", kind)


_GONE = {"refuse": True, "drop_reply": 1.0}
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("worker-dead", "one NIK worker of two hangs", _ticket("ProcessDown"), _freeze("worker-nik-2")),
        Fault("workers-dead", "all phone workers hang", _page("WorkersDown", "phone"), _freeze("worker-phone")),
        Fault("doors-dead", "all front doors hang", _page("DoorDown"), _freeze("ingest-")),
        Fault("valkey-down", "Valkey hangs", _page("ValkeyDown"), _freeze("valkey")),
        Fault("postgresql-down", "PostgreSQL is silent", _page("PostgreSQLDown"), _link("postgresql", blackhole=True)),
        Fault("registry-down", "the registry answers 503", _page("RegistryDown", "nik"), _registry(down=True)),
        Fault(
            "registry-slow", "it takes 2.2 s an answer", _ticket("RegistrySlow", "nik"), _registry(latency_seconds=2.2)
        ),
        Fault("quota-out", "its quota is used up", _page("RegistryQuotaOut", "nik"), _registry(daily_quota=0)),
        Fault(
            "login-refused", "it refuses our login", _page("RegistryRefusesUs", "nik"), _registry(faults={"login": 1})
        ),
        Fault("mail-down", "the mail relay is away", _page("MailDown"), _link("smtp", **_GONE)),
        Fault("sms-down", "the SMS gateway is away", _page("SmsDown"), _link("sms", **_GONE)),
        Fault(
            "postgresql-slow",
            "PostgreSQL answers almost a second late, and the door refuses",
            _page("PostgreSQLSlow"),
            _link("postgresql", delay_seconds=0.4),
        ),
        Fault("door-overloaded", "more people come than the door has room for", _page("DoorOverloaded"), _overload),
        Fault("disk-full", "the disk is filled", _page("DiskNearlyFull"), _fill_disk, needs_small_disk=True),
        Fault("dead-letters", "damaged rows", _ticket("DeadLetters", "nik"), _unreadable),
        Fault("ledger-broken", "an owner is deleted by hand", _page("LedgerBroken"), _break_ledger),
        Fault("metrics-gone", "the doors are not scraped", _page("NotWatched", "door"), _unwatch_doors),
        Fault("paused", "NIK work is paused", _ticket("KindPaused", "nik"), _pause),
    )
}
