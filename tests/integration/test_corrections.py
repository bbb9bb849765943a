"""Corrections: only a rejected check moves, once, to its old place; earlier links and codes count no more."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from ingest.corrections import Change, Corrections, read_change
from ingest.limits import Limits
from ingest.shortcut import Shortcut
from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.checks import Kind, Reason, State
from registration.clock import SystemClock
from registration.digests import Digests
from registration.errors import Overloaded, Rejected
from registration.sealing import KeyRing, Sealer
from registration.settings import Settings
from registration.store import corrections as store
from registration.store import intake, subjects
from registration.store.corrections import Correction, Result
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.subjects import Note
from registration.store.upkeep import read_ledger
from registration.store.work import Outcome, Verdict, find_due, load_work, record_outcomes
from registration.streams import keys
from registration.streams.streams import Streams
from simulators.people import make_person

SEED = secrets.randbits(32)
NAME = Change({"name": "Siti Rahayu"})


@pytest.fixture
def sealer(ring: KeyRing) -> Sealer:
    """Seals and opens under the test's ring."""
    return Sealer(ring)


@pytest.fixture
async def corrections(
    settings: Settings, ring: KeyRing, sealer: Sealer, database: Database, streams: Streams
) -> AsyncIterator[Corrections]:
    """What is tested, over real stores."""
    metrics = Metrics()
    shortcut = Shortcut(streams, metrics)
    yield Corrections(
        database=database,
        shortcut=shortcut,
        limits=Limits(settings=settings, ring=ring, streams=streams, metrics=metrics),
        sealer=sealer,
        digests=Digests(ring),
        clock=SystemClock(),
        metrics=metrics,
    )
    await shortcut.flush()


def person(index: int = 0) -> Applicant:
    made = make_person(SEED, index)
    return Applicant(**{name: getattr(made, name) for name in Applicant.__struct_fields__})


async def add(database: Database, ring: KeyRing, sealer: Sealer, who: Applicant) -> UUID:
    """A new registration."""
    digests = Digests(ring)
    item = digests.registration_id(secrets.token_hex(8))
    made = Registration(
        item, secrets.token_bytes(16), digests.nik(who.nik), digests.identity(who), sealer.seal(who, item)
    )
    await intake.accept(database, [made])
    return item


async def decide(database: Database, kind: Kind, item: UUID, verdict: Verdict) -> None:
    """Let a worker come to a verdict."""
    (work,) = await load_work(database, kind, [item], verdict_keep_days=1.0)
    await record_outcomes(database, kind, [Outcome(work, verdict, remember=kind is Kind.NIK)], challenge_seconds=60.0)


async def reject(database: Database, kind: Kind, item: UUID, reason: Reason) -> None:
    await decide(database, kind, item, Verdict(State.REJECTED, reason))


async def row(database: Database, item: UUID) -> dict[str, Any]:
    found = await database.fetch_row("select * from registrations where id = $1", item)
    assert found is not None
    return dict(found)


@pytest.fixture
async def item(database: Database, ring: KeyRing, sealer: Sealer) -> UUID:
    """A registration whose name differs from the registry's."""
    made = await add(database, ring, sealer, person())
    await reject(database, Kind.NIK, made, Reason.NAME_MISMATCH)
    return made


async def test_only_the_rejected_check_is_done_again_with_the_new_data(
    corrections: Corrections, database: Database, sealer: Sealer, ring: KeyRing, item: UUID
) -> None:
    """The name is replaced, its digest too, and everything else of the row stays as it was."""
    before = await row(database, item)
    await corrections.correct(item, NAME)
    after = await row(database, item)

    changed = {name for name in after if before[name] != after[name]}
    assert changed == {
        *("sealed", "identity_digest", "nik_state", "nik_reason", "nik_attempts", "nik_version", "nik_due_at"),
        "nik_updated_at",
    }
    mended = sealer.unseal(after["sealed"], item)
    assert (mended.name, mended.nik) == ("Siti Rahayu", person().nik)
    assert after["identity_digest"] == Digests(ring).identity(mended)


async def test_it_keeps_its_place_in_the_queue(
    corrections: Corrections, database: Database, ring: KeyRing, sealer: Sealer, item: UUID
) -> None:
    """Due since it came: before whoever came later, and not before whoever still waits from earlier."""
    later = await add(database, ring, sealer, person(1))
    earlier = await add(database, ring, sealer, person(2))
    for made, ago in ((earlier, "3 hours"), (item, "2 hours"), (later, "1 hour")):
        await database.fetch(
            "update registrations set received_at = now() - $2::text::interval,"
            " nik_due_at = case when nik_state = 'pending' then now() - $2::text::interval else nik_due_at end"
            " where id = $1",
            made,
            ago,
        )
    await corrections.correct(item, NAME)
    assert list(await find_due(database, Kind.NIK, 10)) == [earlier, item, later]


async def test_a_late_correction_does_not_look_like_a_standstill(
    corrections: Corrections, database: Database, item: UUID
) -> None:
    """Where nobody waits, it is due now, however long ago the registration came."""
    await database.fetch("update registrations set received_at = now() - interval '3 days'")
    await corrections.correct(item, NAME)
    (found,) = await database.fetch("select now() - nik_due_at < interval '1 minute' as fresh from registrations")
    assert found["fresh"]


async def test_it_goes_first_where_the_email_is_verified(
    corrections: Corrections, database: Database, streams: Streams, item: UUID
) -> None:
    """The shortcut offers it to the stream in which it would have been."""
    await decide(database, Kind.EMAIL, item, Verdict(State.SENT))
    await intake.answer_email_link(database, item, 1)
    await corrections.correct(item, NAME)
    await corrections._shortcut.flush()  # noqa: SLF001 - the loop that does it is not what is tested
    assert (await streams.size(keys.PRIORITY)).length == 1


@pytest.mark.parametrize(
    ("kind", "reason", "change"),
    [
        (Kind.EMAIL, Reason.EMAIL_UNDELIVERABLE, {"email": "siti@surel.example"}),
        (Kind.PHONE, Reason.PHONE_UNREACHABLE, {"phone": "0812 3456 7890"}),
    ],
)
async def test_a_changed_address_makes_earlier_links_and_codes_worthless(
    corrections: Corrections, database: Database, item: UUID, kind: Kind, reason: Reason, change: dict[str, str]
) -> None:
    """The next one that goes out has a generation of its own, and only that one is accepted."""
    await reject(database, kind, item, reason)
    await corrections.correct(item, Change(change))
    (work,) = await load_work(database, kind, [item], verdict_keep_days=1.0)
    assert work.generation == 2
    if kind is Kind.EMAIL:
        assert await intake.answer_email_link(database, item, 1) is None
        assert await intake.answer_email_link(database, item, 2) is not None
    else:
        assert not await intake.answer_phone_code(database, item, 1)
        assert await intake.answer_phone_code(database, item, 2)


async def test_of_twenty_corrections_at_once_one_counts(
    corrections: Corrections, database: Database, item: UUID
) -> None:
    """An impatient thumb: the same twenty times is one correction, and everyone is told that it is done."""
    await asyncio.gather(*(corrections.correct(item, NAME) for _ in range(20)))
    (found,) = await database.fetch("select count(*) as count from corrections")
    assert found["count"] == 1
    assert (await row(database, item))["nik_version"] == 2


async def test_the_same_again_changes_nothing_even_when_it_is_settled(
    corrections: Corrections, database: Database, item: UUID
) -> None:
    """A retry after a lost answer finds its own work; another value then is refused."""
    await corrections.correct(item, NAME)
    await decide(database, Kind.NIK, item, Verdict(State.VERIFIED))
    before = await row(database, item)
    await corrections.correct(item, NAME)
    assert await row(database, item) == before
    with pytest.raises(Rejected, match="not_correctable"):
        await corrections.correct(item, Change({"name": "Orang Lain"}))


@pytest.mark.parametrize(
    "fields",
    [{}, {"birth_date": "1990-02-03"}, {"email": "a@surel.example"}, {"name": "Siti", "phone": "081234567890"}],
)
async def test_what_was_not_rejected_may_not_be_changed(
    corrections: Corrections, database: Database, item: UUID, fields: dict[str, str]
) -> None:
    """All or nothing: one field too many and nothing changes. The value makes no difference."""
    before = await row(database, item)
    with pytest.raises(Rejected, match="not_correctable"):
        await corrections.correct(item, Change(fields))
    assert await row(database, item) == before


async def test_a_nik_that_another_owns_cannot_be_corrected(
    corrections: Corrections, database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    """The registry agreed with every field: nothing is mistyped."""
    made = await add(database, ring, sealer, person(3))
    await reject(database, Kind.NIK, made, Reason.NIK_ALREADY_REGISTERED)
    with pytest.raises(Rejected, match="not_correctable"):
        await corrections.correct(made, Change({"nik": person(4).nik}))


async def test_a_corrected_nik_is_doubted_like_a_new_one(
    corrections: Corrections, database: Database, ring: KeyRing, item: UUID
) -> None:
    """A NIK with another birth date has to be confirmed; the blind index follows it."""
    other = person(5).nik
    assert person(5).birth_date != person().birth_date
    with pytest.raises(Rejected) as caught:
        await corrections.correct(item, Change({"nik": other}))
    assert [(error.field, error.code) for error in caught.value.fields] == [("nik", "nik_birth_date_mismatch")]
    await corrections.correct(item, Change({"nik": other}, ("nik_birth_date_mismatch",)))
    assert (await row(database, item))["nik_digest"] == Digests(ring).nik(other)


async def test_five_corrections_an_hour(corrections: Corrections, database: Database, item: UUID) -> None:
    """Guessing somebody's name by correcting it has an end."""
    for number in range(5):
        await corrections.correct(item, Change({"name": f"Siti {'ABCDE'[number]}"}))
        await reject(database, Kind.NIK, item, Reason.NAME_MISMATCH)
    with pytest.raises(Overloaded, match="correction_limit"):
        await corrections.correct(item, NAME)
    assert (await row(database, item))["nik_state"] == "rejected"


async def test_three_mails_an_hour_whatever_the_address(
    corrections: Corrections, database: Database, item: UUID
) -> None:
    """Correcting an address is no way around the limit of links."""
    for number in range(2):
        await reject(database, Kind.EMAIL, item, Reason.EMAIL_UNDELIVERABLE)
        await corrections.correct(item, Change({"email": f"siti{number}@surel.example"}))
    await reject(database, Kind.EMAIL, item, Reason.EMAIL_UNDELIVERABLE)
    with pytest.raises(Overloaded, match="correction_limit"):
        await corrections.correct(item, Change({"email": "siti9@surel.example"}))


async def test_a_row_that_was_written_meanwhile_is_left_alone(database: Database, item: UUID) -> None:
    """A key rotation or another tap between reading and writing: the writer is told to look again."""
    before = await row(database, item)
    correction = Correction(
        id=item,
        expected=b"as it was",
        sealed=b"new",
        nik_digest=b"new",
        identity_digest=b"new",
        kinds=[Kind.NIK],
        fields=["name"],
        content_digest=b"new",
    )
    result = await store.correct(database, correction, challenges_per_hour=3, corrections_per_hour=5)
    assert result is Result.STALE
    assert await row(database, item) == before


async def test_an_erasure_also_destroys_the_verdict_on_the_identity_left_behind(
    corrections: Corrections, database: Database, item: UUID
) -> None:
    """Nothing of the person stays behind, mistyped or not."""
    await corrections.correct(item, NAME)
    await subjects.erase(database, [item], Note("test", "test"))
    for table in ("registrations", "corrections", "identity_verdicts", "challenges"):
        (found,) = await database.fetch(f"select count(*) as count from {table}")  # noqa: S608 - a closed list
        assert (table, found["count"]) == (table, 0)


async def test_the_books_balance(corrections: Corrections, database: Database, item: UUID) -> None:
    """Each check of each registration is counted once, and the tables agree, before and after."""
    for step in (corrections.correct(item, NAME), decide(database, Kind.NIK, item, Verdict(State.VERIFIED))):
        assert (await read_ledger(database)).balances
        await step
    assert (await read_ledger(database)).balances


def test_only_what_is_named_is_corrected() -> None:
    """An absent field stays; one of the wrong type is told; no object is no correction."""
    assert read_change(b'{"name": "Siti", "other": 1}') == Change({"name": "Siti"})
    assert read_change(b"{}") == Change({})
    with pytest.raises(Rejected) as caught:
        read_change(b'{"name": 1, "nik": []}')
    assert [error.field for error in caught.value.fields] == ["name", "nik"]
    with pytest.raises(Rejected, match="json_malformed"):
        read_change(b"[]")
