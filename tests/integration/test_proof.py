"""What a proof reads from a real PostgreSQL: whether it may forget, what is stored, and whether work moves."""

import asyncio
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from gelombang import embedded
from loadtest.proof.campaign import Campaign
from loadtest.proof.evidence import STEP
from loadtest.proof.generator import GeneratorError, Load, command
from loadtest.proof.plan import Environment, Plan, Slo, Target
from loadtest.proof.system import System
from registration.checks import Kind, State
from registration.digests import Digests
from registration.sealing import KeyRing
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.work import Outcome, Verdict, load_work, record_outcomes
from registration.streams.shares import Report, Terms, exchange, read_pool
from registration.streams.streams import Streams
from tests.hollow_door import running as hollow_door

PLAN = Plan(
    name="still",
    target=Target(rate=1, seconds=1),
    slo=Slo(p99_ms=1),
    environment=Environment(settle_seconds=1.2),
)


def store(url: str, ids: list[UUID]) -> None:
    """Registrations that nobody works on."""

    async def accept() -> None:
        database = await Database.connect(url, pool_size=1, timeout_seconds=20.0, name="test")
        made = [Registration(one, os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for one in ids]
        await intake.accept(database, made)
        await database.close()

    asyncio.run(accept())


def settle(url: str, kind: Kind, ids: list[UUID]) -> None:
    """A worker's verdict on some of them."""

    async def record() -> None:
        database = await Database.connect(url, pool_size=1, timeout_seconds=20.0, name="test")
        state = State.VERIFIED if kind is Kind.NIK else State.SENT
        works = await load_work(database, kind, ids, verdict_keep_days=1.0)
        outcomes = [Outcome(work, Verdict(state), remember=True) for work in works]
        await record_outcomes(database, kind, outcomes, challenge_seconds=600.0)
        await database.close()

    asyncio.run(record())


def test_every_acknowledged_registration_is_looked_up_by_its_key(database_url: str, ring: KeyRing) -> None:
    """Two of three keys are stored; a row more or less elsewhere makes no difference."""
    name = Digests(ring).registration_id
    store(database_url, [name("run-0-0"), name("run-0-2"), name("somebody else's")])
    system = System(front_door="", database_url=database_url, ring=ring)
    assert system.stored(iter(["run-0-0", "run-0-1", "run-0-2"])) == (3, 2)


async def test_a_replay_begins_when_the_pool_of_workers_is_no_longer_new(
    streams: Streams, servers: embedded.Servers
) -> None:
    """Until then they have static shares, whoever steers: a forecast of a wave would not be about that."""
    terms = Terms(
        ceiling_slots=40,
        static_slots=1,
        places=4,
        spacing_ms=10.0,
        horizon_ms=500.0,
        ttl_ms=2_000.0,
        hold_ms=400.0,
        place_ms=60_000.0,
    )
    new = Report(terms=terms, slot="1", life="a")
    assert (await exchange(streams, Kind.NIK, new)).quiet_ms > 0
    system = System(front_door="", database_url="", redis_url=servers.redis_url)
    await asyncio.to_thread(system.await_leased_shares)
    pool = await read_pool(streams, Kind.NIK)
    assert pool is not None
    assert pool.quiet_seconds == 0
    assert (await exchange(streams, Kind.NIK, new)).quiet_ms == 0


def test_work_that_stands_still_is_seen(database_url: str, ring: KeyRing, tmp_path: Path) -> None:
    """Open checks and no worker: their stream is lost or nobody reads it. One that is settled meanwhile is movement."""
    ids = [Digests(ring).registration_id(f"run-0-{number}") for number in range(3)]
    store(database_url, ids)
    settle(database_url, Kind.PHONE, ids)

    def work(_passed: float) -> None:
        settle(database_url, Kind.EMAIL, ids[:1])

    system = System(front_door="", database_url=database_url, ring=ring)
    campaign = Campaign(plan=PLAN, system=system, folder=tmp_path, say=print, show=lambda *_: work)
    books = campaign.close_books()
    assert books.standing_still == ("nik",)
    assert books.states["phone"]["sent"] == 3


def test_no_two_stages_send_the_same_people(ring: KeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are of one population, in ranges apart: in two, an honest person may by chance have the phone of a bot."""
    loads: list[Load] = []

    def stop(load: Load, _folder: Path, **_: object) -> None:
        loads.append(load)
        raise GeneratorError("enough seen")

    monkeypatch.setattr("loadtest.proof.campaign.offer", stop)
    system = System(front_door="", database_url="", ring=ring)
    campaign = Campaign(plan=PLAN, system=system, folder=tmp_path, say=print, show=lambda *_: lambda _: None)
    for _ in range(3):
        with pytest.raises(GeneratorError):
            campaign._stage(STEP, 1_000.0, 10.0)  # noqa: SLF001 - a whole campaign takes minutes
    assert len({load.seed for load in loads}) == 1
    begins = [load.first_person for load in loads]
    assert all(later - earlier >= 11_000 for earlier, later in pairwise(begins))
    assert f"--arrivals-first-person={begins[2]}" in command(loads[2], tmp_path)


def test_a_database_that_may_forget_is_refused_before_anything_is_sent(
    database_url: str, ring: KeyRing, tmp_path: Path
) -> None:
    """Exit code 3, and the setting in the reason."""

    async def forget() -> None:
        connection = await asyncpg.connect(database_url)
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database {name} set synchronous_commit = off")
        await connection.close()

    asyncio.run(forget())
    plan = tmp_path / "plan.toml"
    plan.write_text('name = "x"\n[target]\nrate = 5\nseconds = 1\n[slo]\np99_ms = 1000\n')
    told = {**os.environ, "GELOMBANG_DATABASE_URL": database_url, "GELOMBANG_KEYS": ring.to_json()}
    with hollow_door() as (url, _):
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "gelombang", "prove", str(plan), "--url", url, "--output", str(tmp_path / "out")],
            env=told,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "synchronous_commit=off" in done.stderr
