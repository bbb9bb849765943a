"""Limits over real Valkey: strict on one subject, blind to crowds, shared between processes."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from gelombang import embedded
from ingest.limits import WINDOW_SECONDS, Limits
from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.runtime import repeat
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.streams.limits import Uses, charge
from registration.streams.streams import Streams
from simulators.people import make_person

SEED = secrets.randbits(32)
Make = Callable[[], Limits]


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """The window's clock."""
    return Clock()


@pytest.fixture
def make(settings: Settings, ring: KeyRing, streams: Streams, clock: Clock) -> Make:
    """Makes the limits of one more process."""
    return lambda: Limits(settings=settings, ring=ring, streams=streams, metrics=Metrics(), clock=clock)


def person(index: int, **changes: str) -> Applicant:
    made = make_person(SEED, index)
    fields = {name: getattr(made, name) for name in Applicant.__struct_fields__}
    return Applicant(**{**fields, **changes})


def nik_digest(applicant: Applicant) -> bytes:
    return hashlib.blake2b(applicant.nik.encode(), digest_size=16).digest()


def registered(limits: Limits, applicant: Applicant, network: bytes | None = None) -> str | None:
    """One registration as `Intake` takes it: the code of the refusal, or None when it was stored."""
    subjects = limits.subjects(applicant, nik_digest=nik_digest(applicant), network=network)
    refusal = limits.refusal(subjects)
    if refusal is None:
        limits.count(subjects)
        return None
    return refusal.code


@asynccontextmanager
async def sharing(*processes: Limits) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(repeat(limits.run_once, role="limits")) for limits in processes]
        yield
        for task in running:
            task.cancel()


def test_one_nik_is_refused_after_its_fill_and_others_are_not(make: Make) -> None:
    """Five registrations of a NIK an hour, whoever sends them; the neighbours do not notice."""
    limits = make()
    codes = [registered(limits, person(0, phone=person(n).phone)) for n in range(8)]
    assert codes == [None] * 5 + ["too_many_for_nik"] * 3
    assert registered(limits, person(1)) is None


def test_one_phone_and_one_network_are_refused_too(make: Make, settings: Settings) -> None:
    """With the code that says no more than that."""
    limits = make()
    codes = [registered(limits, person(n, phone="+628123456789")) for n in range(6)]
    assert codes == [None] * 5 + ["rate_limited"]
    network = b"\x20\x01\x0d\xb8\x00\x00\x00\x01"
    fill = settings.limit_per_ipv6_network
    codes = [registered(limits, person(100 + n), network) for n in range(fill + 1)]
    assert codes == [None] * fill + ["rate_limited"]


def test_a_crowd_behind_one_ipv4_address_is_never_limited(make: Make) -> None:
    """2,000 honest people and one attacker on one address: only the attacker is refused."""
    limits = make()
    attacker = person(0)
    refused = 0
    for n in range(1, 2_001):
        registered(limits, attacker)
        refused += registered(limits, person(n)) is not None
    assert refused <= 2  # 0.1 %
    assert registered(limits, attacker) == "too_many_for_nik"


def test_domains_of_large_providers_are_exempt(make: Make, settings: Settings) -> None:
    """How many use them says nothing; a domain that nobody knows has a fill."""
    limits = Limits(
        settings=msgspec.structs.replace(settings, limit_per_email_domain=10),
        ring=KeyRing.generate(),
        streams=make()._streams,  # noqa: SLF001 - the same Valkey
        metrics=Metrics(),
    )
    assert {registered(limits, person(n, email=f"a{n}@gmail.com")) for n in range(50)} == {None}
    codes = [registered(limits, person(100 + n, email=f"a{n}@satu.example")) for n in range(12)]
    assert codes == [None] * 10 + ["rate_limited"] * 2


async def test_processes_learn_from_each_other(make: Make) -> None:
    """Spread over four processes, a NIK gets fewer registrations than four times its fill: about one more for each."""
    processes = [make() for _ in range(4)]
    stored = 0
    for n in range(60):
        if registered(processes[n % 4], person(0, phone=person(n).phone)) is None:
            stored += 1
            if n >= len(processes):  # a process tells the first use together with the second
                await processes[n % 4].run_once()
    assert 5 <= stored < 4 * 5


async def test_who_shares_two_counters_with_a_busy_subject_is_not_taken_for_it(streams: Streams) -> None:
    """A row of chance more: with two, one of 420,000 registrations of a proof was refused, most likely so."""
    busy, other = bytes(16), bytes(8) + b"\x01" * 8

    async def used(subject: bytes, amount: int) -> Sequence[int]:
        return await charge(streams, [Uses("nik", subject, amount)], window=7, window_seconds=WINDOW_SECONDS)

    assert await used(busy, 100) == [100]
    assert await used(other, 2) == [2]
    assert await used(busy, 1) == [101]


def test_the_next_window_begins_with_nothing(make: Make, clock: Clock) -> None:
    """The hour over, the NIK may register again; until then Retry-After names the hour's end."""
    limits = make()
    for _ in range(6):
        registered(limits, person(0))
    refusal = limits.refusal(limits.subjects(person(0), nik_digest=nik_digest(person(0)), network=None))
    assert refusal is not None
    assert 0 < refusal.retry_after_seconds <= WINDOW_SECONDS
    clock.seconds += refusal.retry_after_seconds
    assert registered(limits, person(0)) is None


async def test_without_valkey_each_process_still_limits(make: Make, servers: embedded.Servers) -> None:
    """And nobody waits for Valkey."""
    limits = make()
    servers.valkey.kill()
    try:
        async with sharing(limits):
            codes = [registered(limits, person(0, phone=person(n).phone)) for n in range(8)]
            await asyncio.sleep(0)
    finally:
        servers.valkey.start()
    assert codes == [None] * 5 + ["too_many_for_nik"] * 3


async def test_shared_counts_are_true_for_a_crowd(streams: Streams) -> None:
    """Amounts add up over calls, subjects are told apart, and each limit has counts of its own."""
    crowd = [hashlib.blake2b(n.to_bytes(4, "big"), digest_size=16).digest() for n in range(2_000)]
    uses = [Uses("nik", subject, 1 + n % 3) for n, subject in enumerate(crowd)]
    first = await charge(streams, uses, window=1, window_seconds=60)
    second = await charge(streams, uses, window=1, window_seconds=60)
    assert sum(count != use.amount for count, use in zip(first, uses, strict=True)) <= 2
    assert all(count >= 2 * use.amount for count, use in zip(second, uses, strict=True))
    assert await charge(streams, [Uses("phone", crowd[0], 7)], window=1, window_seconds=60) == [7]
    assert await charge(streams, [Uses("nik", crowd[0], 7)], window=2, window_seconds=60) == [7]
