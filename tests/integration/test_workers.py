"""Whole workers against real PostgreSQL, real Valkey and the stand-ins: every entry ends as it deserves."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
import pytest
from redis.asyncio import Redis

from gelombang import embedded
from registration.applicant import Applicant
from registration.checks import Check, Kind, State
from registration.digests import Digests
from registration.errors import Retryable
from registration.sealing import KeyRing, Sealer
from registration.settings import Settings
from registration.store import intake, pauses, upkeep
from registration.store.database import Database
from registration.streams import keys
from registration.streams.streams import Streams
from simulators.people import make_person
from simulators.stand_ins import StandIns
from verify_workers.pool import serve

DEADLINE_SECONDS = 60.0
HONEST_SERIAL = "0001"


class Bench:
    """One test's system: registrations go in, workers run, checks are read."""

    def __init__(
        self, *, settings: Settings, database: Database, streams: Streams, ring: KeyRing, outside: StandIns
    ) -> None:
        self.settings = msgspec.structs.replace(
            settings,
            ministry_url=outside.ministry_url,
            smtp_url=outside.smtp_url,
            sms_url=outside.sms_url,
            public_url="http://127.0.0.1:8080",
        )
        self.database = database
        self.streams = streams
        self.outside = outside
        self._sealer = Sealer(ring)
        self._digests = Digests(ring)
        self._people = iter(range(1_000_000))
        self._seed = secrets.randbits(32)

    def person(self, serial: str = HONEST_SERIAL, **changes: str) -> Applicant:
        """Someone new; the NIK's serial decides what the stand-in ministry says."""
        made = make_person(self._seed, next(self._people))
        applicant = Applicant(
            name=made.name,
            birth_place=made.birth_place,
            birth_date=made.birth_date,
            nik=made.nik[:12] + serial,
            email=made.email,
            phone=made.phone,
        )
        return msgspec.structs.replace(applicant, **changes)

    async def register(self, *people: Applicant) -> list[UUID]:
        """Commit registrations, without the front door's shortcut: the relay has to find them."""
        ids = [uuid4() for _ in people]
        batch = [
            intake.Registration(
                id=item,
                content_digest=b"content",
                nik_digest=self._digests.nik(person.nik),
                identity_digest=self._digests.identity(person),
                sealed=self._sealer.seal(person, item),
            )
            for item, person in zip(ids, people, strict=True)
        ]
        await intake.accept(self.database, batch)
        return ids

    @contextlib.asynccontextmanager
    async def worker(self, kind: Kind, **changes: object) -> AsyncIterator[None]:
        """A whole worker, stopped as SIGTERM stops it."""
        stop = asyncio.Event()
        running = asyncio.create_task(serve(kind, msgspec.structs.replace(self.settings, **changes), stop))
        try:
            yield
        finally:
            stop.set()
            await running

    async def check(self, registration_id: UUID, kind: Kind) -> Check:
        """How a check stands."""
        status = await intake.read_status(self.database, registration_id)
        assert status is not None
        return status.checks[kind]

    async def ended(self, registration_id: UUID, kind: Kind, *states: State) -> Check:
        """The check once it is in one of these states."""

        async def there() -> bool:
            return (await self.check(registration_id, kind)).state in states

        await eventually(there)
        return await self.check(registration_id, kind)  # in a final state, or read again at once

    async def calls(self) -> int:
        """How often the ministry was asked."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.outside.ministry_url}/calls") as response:
            total: int = (await response.json())["total"]
            return total

    async def dead_letters(self) -> list[upkeep.DeadLetter]:
        """All dead letters."""
        return list(await upkeep.list_dead_letters(self.database, kind=None, cause=None, limit=100))


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once the condition holds; a server that is being restarted does not count."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            with contextlib.suppress(Retryable):
                if await condition():
                    return
            await asyncio.sleep(0.02)


@pytest.fixture
async def bench(settings: Settings, database: Database, streams: Streams, ring: KeyRing) -> AsyncIterator[Bench]:
    async with StandIns() as outside:
        yield Bench(settings=settings, database=database, streams=streams, ring=ring, outside=outside)


@pytest.mark.parametrize(
    ("serial", "state", "reason"),
    [
        (HONEST_SERIAL, State.VERIFIED, None),
        ("9001", State.REJECTED, "name_mismatch"),
        ("9002", State.REJECTED, "birth_date_mismatch"),
        ("9003", State.REJECTED, "birth_place_mismatch"),
        ("9014", State.REJECTED, "inactive"),
        ("9404", State.REJECTED, "not_found"),
        ("9405", State.VERIFIED, None),
    ],
)
async def test_an_explicit_answer_of_the_registry_becomes_the_verdict(
    bench: Bench, serial: str, state: State, reason: str | None
) -> None:
    """What the registry says of a person is what the person is told."""
    (registration,) = await bench.register(bench.person(serial))
    async with bench.worker(Kind.NIK):
        check = await bench.ended(registration, Kind.NIK, State.VERIFIED, State.REJECTED)
    assert (check.state, check.reason) == (state, reason)


async def test_not_found_is_asked_again_as_often_as_there_are_waits(bench: Bench) -> None:
    """Only after the last recheck does not-found reject."""
    (registration,) = await bench.register(bench.person("9404"))
    async with bench.worker(Kind.NIK):
        await bench.ended(registration, Kind.NIK, State.REJECTED)
    assert await bench.calls() == 1 + len(bench.settings.not_found_recheck_seconds)


@pytest.mark.parametrize("serial", ["9200", "9429", "9500", "9504"])
async def test_the_registrys_trouble_delays_and_never_rejects(bench: Bench, serial: str) -> None:
    """HTML, quota, errors and silence are the system's trouble: delayed, retried, never rejected."""
    (registration,) = await bench.register(bench.person(serial))

    async def asked_again() -> bool:
        return await bench.calls() >= 2

    async with bench.worker(Kind.NIK, ministry_timeout_seconds=0.2):
        await eventually(asked_again)
        check = await bench.ended(registration, Kind.NIK, State.DELAYED)
    assert check.reason is None


async def test_the_same_identity_twice_costs_one_call(bench: Bench) -> None:
    """A verdict is kept per identity: ten registrations of one person, at once and later, cost one call."""
    person = bench.person()
    early = await bench.register(*[person] * 5)
    async with bench.worker(Kind.NIK):
        for registration in early:
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
        for registration in await bench.register(*[person] * 5):
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
    assert await bench.calls() == 1


async def test_the_same_identity_on_two_workers_costs_one_call(bench: Bench) -> None:
    """In both NIK streams, on two workers, while the registry takes its time: one call for each verdict."""
    await set_ministry(bench, latency_seconds=0.2, latency_sigma=0.5)
    registrations = await bench.register(*[person for person in [bench.person() for _ in range(40)] for _ in range(4)])
    for start in range(0, len(registrations), 20):
        await bench.streams.offer(keys.streams(Kind.NIK), registrations[start : start + 20])
    async with (
        bench.worker(Kind.NIK, consumer="1", concurrency=16),
        bench.worker(Kind.NIK, consumer="2", concurrency=16),
    ):
        for registration in registrations:
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
    assert await bench.calls() == 40


async def test_mail_and_code_go_out_once_and_can_be_refused(bench: Bench) -> None:
    """A mailbox takes one mail, a dead mailbox and an unreachable phone are told as such."""
    good, dead = bench.person(), bench.person(email="tak.ada@bounce.example", phone="+628120000000")
    greylisted = bench.person(email="nanti@greylist.example")
    fine, refused, later = await bench.register(good, dead, greylisted)
    async with bench.worker(Kind.EMAIL), bench.worker(Kind.PHONE):
        assert (await bench.ended(fine, Kind.EMAIL, State.SENT)).reason is None
        assert (await bench.ended(later, Kind.EMAIL, State.SENT)).reason is None
        assert (await bench.ended(refused, Kind.EMAIL, State.REJECTED)).reason == "email_undeliverable"
        assert (await bench.ended(refused, Kind.PHONE, State.REJECTED)).reason == "phone_unreachable"
        assert (await bench.ended(fine, Kind.PHONE, State.SENT)).reason is None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{bench.outside.mailbox_url}/api/messages", params={"to": good.email}) as response,
    ):
        assert len(await response.json()) == 1


async def test_a_pump_is_stopped_and_honest_people_elsewhere_go_on(bench: Bench) -> None:
    """600 numbers of one range that nobody answers, among 60 honest ones, on two workers: 50 messages go there."""
    pumped = [bench.person(phone=f"+62819999{number:04}") for number in range(1, 601)]
    honest = [bench.person() for _ in range(60)]
    registrations = await bench.register(*pumped[:300], *honest, *pumped[300:])
    async with bench.worker(Kind.PHONE, consumer="1"), bench.worker(Kind.PHONE, consumer="2"):
        for registration in registrations[300:360]:
            await bench.ended(registration, Kind.PHONE, State.SENT)

        async def all_met() -> bool:
            states = {(await bench.check(registration, Kind.PHONE)).state for registration in registrations}
            return states == {State.SENT, State.DELAYED}

        await eventually(all_met)
    rows = await bench.database.fetch("select phone_state, phone_cause from registrations where phone_state <> 'sent'")
    sent_to_the_pump = 600 - len(rows)
    assert sent_to_the_pump == bench.settings.sms_range_sample <= 200
    assert {(row["phone_state"], row["phone_cause"]) for row in rows} == {("delayed", "sms_unanswered_range")}
    assert await bench.dead_letters() == []


async def test_an_entry_of_a_dead_worker_is_rescued(bench: Bench) -> None:
    """What another consumer took and never finished is done by whoever lives."""
    (registration,) = await bench.register(bench.person())
    await _deliver_to_the_dead(bench, registration)
    async with bench.worker(Kind.NIK):
        await bench.ended(registration, Kind.NIK, State.VERIFIED)


async def test_an_entry_of_a_dead_worker_is_rescued_after_a_jump_of_the_clock(bench: Bench) -> None:
    """Valkey's clock goes back an hour: what was delivered before does not age, and comes to a worker all the same."""
    (registration,) = await bench.register(bench.person())
    await _deliver_to_the_dead(bench, registration)
    await _turn_back_the_clock(bench.settings.redis_url, keys.stream(Kind.NIK), seconds=3_600)
    async with bench.worker(Kind.NIK):
        await bench.ended(registration, Kind.NIK, State.VERIFIED)


@pytest.mark.parametrize("worker", ["another", "dead"])
async def test_an_entry_that_keeps_killing_its_worker_is_set_aside(bench: Bench, worker: str) -> None:
    """After three deliveries the entry is a dead letter, and others are unharmed.

    Also by the next life of the worker that it kills, which must not take it up again however soon it is back.
    """
    poison, other = await bench.register(bench.person(), bench.person())
    await _deliver_to_the_dead(bench, poison)
    for _ in range(bench.settings.delivery_limit - 1):
        expired = await bench.streams.find_expired("verify:nik", lease_seconds=0.0, count=10)
        await bench.streams.claim(
            "verify:nik", consumer="dead", lease_seconds=0.0, entry_ids=[entry.entry_id for entry in expired]
        )

    async def set_aside() -> bool:
        return [letter.registration_id for letter in await bench.dead_letters()] == [poison]

    async with bench.worker(Kind.NIK, consumer=worker, lease_seconds=3_600.0 if worker == "dead" else 0.5):
        await bench.ended(other, Kind.NIK, State.VERIFIED)
        await eventually(set_aside)
        assert (await bench.check(poison, Kind.NIK)).state is State.DELAYED
        assert await upkeep.replay_dead_letters(bench.database, Kind.NIK, cause="poison", limit=10) == 1
        await bench.ended(poison, Kind.NIK, State.VERIFIED)


async def test_two_entries_of_one_registration_are_one_piece_of_work(bench: Bench) -> None:
    """Also when the call outlasts many leases: the second entry is no orphan, no poison and no second call."""
    (registration,) = await bench.register(bench.person("9504"))
    await bench.streams.offer(keys.streams(Kind.NIK), [registration])

    async def asked_twice() -> bool:
        return await bench.calls() >= 2

    async with bench.worker(Kind.NIK, ministry_timeout_seconds=3.0):
        await eventually(asked_twice)
    assert await bench.calls() == 2
    assert await bench.dead_letters() == []


async def test_what_cannot_be_unsealed_is_set_aside_with_its_cause(bench: Bench) -> None:
    """A ciphertext that does not open is kept for a person to look at."""
    (registration,) = await bench.register(bench.person())
    await bench.database.fetch("update registrations set sealed = sealed || '\\x00'::bytea where id = $1", registration)
    async with bench.worker(Kind.NIK):
        await bench.ended(registration, Kind.NIK, State.DELAYED)
    assert [letter.cause for letter in await bench.dead_letters()] == ["data_unreadable"]


async def test_a_paused_kind_takes_nothing_up_and_goes_on_when_resumed(bench: Bench) -> None:
    """Across a worker's restart too, and the other kinds go on."""
    assert await pauses.pause(bench.database, Kind.NIK, reason="maintenance", by="test")
    assert not await pauses.pause(bench.database, Kind.NIK, reason="again", by="test")
    registrations = await bench.register(*(bench.person() for _ in range(3)))
    for _ in range(2):
        async with bench.worker(Kind.NIK), bench.worker(Kind.PHONE):
            for registration in registrations:
                await bench.ended(registration, Kind.PHONE, State.SENT)
    assert await bench.calls() == 0
    assert [(found.reason, found.paused_by) for found in await pauses.read_pauses(bench.database)] == [
        ("maintenance", "test")
    ]
    async with bench.worker(Kind.NIK):
        assert await pauses.resume(bench.database, Kind.NIK, by="test")
        for registration in registrations:
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
    assert not await pauses.resume(bench.database, Kind.NIK, by="test")


async def test_a_kind_that_would_set_too_much_aside_pauses_itself(bench: Bench) -> None:
    """Data that nothing can open: a few dead letters, then a pause with the cause, and the rest only delayed."""
    registrations = await bench.register(*(bench.person() for _ in range(200)))
    await bench.database.fetch("update registrations set sealed = sealed || '\\x00'::bytea")

    async def paused() -> bool:
        return [found.reason for found in await pauses.read_pauses(bench.database)] == [
            "too much would be set aside: data_unreadable"
        ]

    async with bench.worker(Kind.NIK, concurrency=8):
        await eventually(paused)
    letters = await bench.dead_letters()
    assert len(letters) <= 20
    assert {letter.cause for letter in letters} <= {"data_unreadable"}
    assert (await upkeep.read_ledger(bench.database)).balances
    assert {(await bench.check(item, Kind.NIK)).state for item in registrations} <= {State.PENDING, State.DELAYED}


async def test_a_wiped_valkey_loses_nothing(bench: Bench, servers: embedded.Servers) -> None:
    """Killed, emptied and restarted in the middle of the work, Valkey is refilled from PostgreSQL."""
    registrations = await bench.register(*(bench.person() for _ in range(300)))
    async with bench.worker(Kind.NIK, concurrency=4):
        await bench.ended(registrations[0], Kind.NIK, State.VERIFIED)
        await empty_valkey(servers)
        await bench.ended(registrations[150], Kind.NIK, State.VERIFIED)
        servers.valkey.kill()
        servers.valkey.start()
        for registration in registrations:
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
    assert (await upkeep.read_ledger(bench.database)).balances


async def test_a_restart_of_postgresql_in_mid_work_loses_nothing(bench: Bench, servers: embedded.Servers) -> None:
    """Verdicts in hand wait until they can be written."""
    registrations = await bench.register(*(bench.person() for _ in range(300)))
    async with bench.worker(Kind.NIK, concurrency=4):
        await bench.ended(registrations[0], Kind.NIK, State.VERIFIED)
        servers.postgres.kill()
        servers.postgres.start()
        for registration in registrations:
            await bench.ended(registration, Kind.NIK, State.VERIFIED)
    assert await bench.calls() <= len(registrations) + 4
    assert (await upkeep.read_ledger(bench.database)).balances


async def test_stopping_hands_work_back_uncharged(bench: Bench) -> None:
    """What a stopping worker cannot finish goes to the next one with no delivery and no attempt counted."""
    (registration,) = await bench.register(bench.person("9504"))

    async def asked() -> bool:
        return await bench.calls() == 1

    async with bench.worker(Kind.NIK, ministry_timeout_seconds=30.0, drain_seconds=1.2):
        await eventually(asked)
    (entry,) = await bench.streams.find_expired("verify:nik", lease_seconds=60.0, count=10)
    assert entry.deliveries == 0
    row = await bench.database.fetch_row(
        "select nik_attempts, nik_state from registrations where id = $1", registration
    )
    assert row is not None
    assert (row["nik_attempts"], row["nik_state"]) == (0, "pending")


async def set_ministry(bench: Bench, **control: object) -> None:
    """Set the stand-in's mood."""
    url = f"{bench.outside.ministry_url}/control"
    async with aiohttp.ClientSession() as session, session.put(url, json=control) as response:
        response.raise_for_status()


async def empty_valkey(servers: embedded.Servers) -> None:
    """As an operator's FLUSHALL does."""
    client = Redis.from_url(servers.redis_url)
    await client.flushall()
    await client.aclose()


async def _deliver_to_the_dead(bench: Bench, registration: UUID) -> None:
    """Put an entry into the hands of a consumer that does nothing."""
    while not await bench.streams.read([keys.stream(Kind.NIK)], consumer="dead", count=1):
        await bench.streams.offer([keys.stream(Kind.NIK)], [registration])


async def _turn_back_the_clock(redis_url: str, stream: str, *, seconds: int) -> None:
    """Have every delivery lie that far in the future. No command can say that, so the stream's dump is patched."""
    client = Redis.from_url(redis_url)
    marked = 1_000_000_000_000  # a time, in 2001, whose bytes are found again in the dump
    pending = await client.xpending_range(stream, keys.GROUP, min="-", max="+", count=10)
    ids: list[Any] = [row["message_id"] for row in pending]
    await client.xclaim(stream, keys.GROUP, "dead", 0, ids, time=marked, justid=True)
    dump = await client.dump(stream)
    assert dump is not None
    future = int(time.time() * 1_000) + seconds * 1_000
    body = dump[:-8].replace(marked.to_bytes(8, "little"), future.to_bytes(8, "little"))
    assert body != dump[:-8]
    await client.restore(stream, 0, body + _crc64(body).to_bytes(8, "little"), replace=True)
    (row, *_) = await client.xpending_range(stream, keys.GROUP, min="-", max="+", count=10)
    assert row["time_since_delivered"] == 0
    await client.aclose()


def _crc64(data: bytes) -> int:
    """The checksum of a dump: CRC-64 of Jones, reflected."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc
