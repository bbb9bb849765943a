"""What is held about one person is found whole, and gone whole once it is erased."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from registration.checks import Kind, State
from registration.store import intake, subjects
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.subjects import Extent, Note
from registration.store.upkeep import read_ledger
from registration.store.work import Delay, Outcome, Verdict, load_work, record_outcomes

NOTE = Note(actor="petugas", reason="tiket 7")
SENT, VERIFIED = Verdict(State.SENT), Verdict(State.VERIFIED)
# What names a registration or is a digest of a person stands in these tables only. A new one must be in the export
# (read_subject.sql) and in the erasure (by a cascade from registrations, or erase_…sql): see docs/subject-rights.md.
KNOWN_TABLES = {"registrations", "challenges", "dead_letters", "nik_owners", "identity_verdicts", "subject_actions"} | {
    "corrections",
    "photos",
    "photo_objects",
    *("assessments", "joins", "announcements", "beneficiaries", "affected_workers"),
}


async def add(database: Database, *, nik: bytes | None = None, identity: bytes | None = None) -> UUID:
    """A new registration."""
    made = Registration(uuid4(), os.urandom(16), nik or os.urandom(16), identity or os.urandom(16), os.urandom(64))
    await intake.accept(database, [made])
    return made.id


async def decide(database: Database, kind: Kind, item: UUID, result: Verdict | Delay) -> None:
    """Let a worker come to a result."""
    (work,) = await load_work(database, kind, [item], verdict_keep_days=1.0)
    outcome = Outcome(work, result, remember=kind is Kind.NIK and isinstance(result, Verdict))
    await record_outcomes(database, kind, [outcome], challenge_seconds=60.0)


async def complete(database: Database, item: UUID) -> None:
    """Bring a registration to its end."""
    await decide(database, Kind.NIK, item, VERIFIED)
    await decide(database, Kind.EMAIL, item, SENT)
    await decide(database, Kind.PHONE, item, SENT)
    await intake.answer_email_link(database, item, 1)
    await intake.answer_phone_code(database, item, 1)


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    names = await database.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {
        row["tablename"]: [dict(found) for found in await database.fetch(f'select * from "{row["tablename"]}"')]  # noqa: S608
        for row in names
    }


async def actions(database: Database) -> Sequence[tuple[Any, ...]]:
    rows = await database.fetch("select action, registration_id, actor, reason from subject_actions order by id")
    return [tuple(row) for row in rows]


async def test_every_table_about_a_person_is_known_here(database: Database) -> None:
    """Who adds a table decides what export and erasure do with it."""
    rows = await database.fetch(
        "select distinct table_name from information_schema.columns where table_schema = 'public'"
        " and (column_name = 'registration_id' or column_name like '%\\_digest' or column_name = 'sealed')"
    )

    assert {row["table_name"] for row in rows} == KNOWN_TABLES


async def test_an_export_has_all_that_hangs_on_a_registration(database: Database) -> None:
    """Rows whole, without digests; and what was looked at before."""
    item = await add(database)
    await complete(database, item)
    other = await add(database)
    await decide(database, Kind.EMAIL, other, Delay("mail_refused", None))
    await subjects.preview(database, [item], NOTE)
    held, dead = await subjects.export(database, [item, other], NOTE)

    assert (held.id, dead.id) == (item, other)
    assert held.registration["nik_state"] == held.registration["email_state"] == "verified"
    assert not [name for name in held.registration if name.endswith("_digest") or name == "sealed"]
    assert held.registry_verdict is not None
    assert (held.registry_verdict["state"], held.owns_nik_since is None) == ("verified", False)
    assert [(made["kind"], made["generation"]) for made in held.challenges] == [("email", 1), ("phone", 1)]
    assert [letter["cause"] for letter in dead.dead_letters] == ["mail_refused"]
    assert [(line["action"], line["actor"], line["reason"]) for line in held.actions] == [
        ("preview", "petugas", "tiket 7")
    ]


async def test_after_an_erasure_no_table_knows_the_person(database: Database) -> None:
    """But for the ids in the notes; everybody else's rows are as they were, and the books balance."""
    nik = os.urandom(16)
    first, second, stranger = await add(database, nik=nik), await add(database, nik=nik), await add(database)
    for item in (first, second, stranger):
        await complete(database, item)
    aside = await add(database, nik=nik)
    await decide(database, Kind.EMAIL, aside, Delay("mail_refused", None))
    await decide(database, Kind.PHONE, aside, SENT)
    before = await everything(database)
    ids = await subjects.find(database, nik)
    extent = await subjects.erase(database, ids, NOTE)
    after = await everything(database)

    assert list(ids) == [first, second, aside]
    assert extent == Extent(registrations=3, challenges=6, dead_letters=1, nik_owners=1, registry_verdicts=2)
    digests = {row["identity_digest"] for row in before["registrations"] if row["id"] in ids} | {nik}
    for table, rows in after.items():
        values = {value for row in rows for value in row.values() if isinstance(value, UUID | bytes)}
        assert not values & digests
        assert table == "subject_actions" or not values & set(ids)
    assert [row for row in before["registrations"] if row["id"] == stranger] == after["registrations"]
    assert sorted(await actions(database)) == sorted(("erase", item, "petugas", "tiket 7") for item in ids)
    assert (await read_ledger(database)).balances


async def test_erasing_twice_is_harmless_and_noted(database: Database) -> None:
    """The second time nothing is held; that somebody asked is noted all the same."""
    item = await add(database)
    await subjects.erase(database, [item], NOTE)

    assert await subjects.erase(database, [item], NOTE) == Extent(0, 0, 0, 0)
    assert [line[:2] for line in await actions(database)] == [("erase", item), ("erase", None)]


async def test_a_preview_changes_nothing_and_is_noted(database: Database) -> None:
    """It tells what an erasure would destroy."""
    item = await add(database)
    await complete(database, item)
    before = await everything(database)

    assert await subjects.preview(database, [item], NOTE) == Extent(1, 2, 0, 1)
    after = await everything(database)
    assert {**before, "subject_actions": after["subject_actions"]} == after
    assert [line[:2] for line in await actions(database)] == [("preview", item)]


async def test_a_verdict_stays_while_another_registration_needs_it(database: Database) -> None:
    """The same person registered twice and erases one: the other's books must still balance."""
    identity = os.urandom(16)
    first, second = await add(database, identity=identity), await add(database, identity=identity)
    for item in (first, second):
        await decide(database, Kind.NIK, item, VERIFIED)
    extent = await subjects.erase(database, [first], NOTE)

    assert extent.registry_verdicts == 0
    assert (await read_ledger(database)).balances
    assert (await subjects.erase(database, [second], NOTE)).registry_verdicts == 1
    assert (await everything(database))["identity_verdicts"] == []


async def test_a_worker_that_was_asking_brings_nothing_back(database: Database) -> None:
    """Its outcome finds no row, and the registry's verdict is not remembered."""
    item = await add(database)
    (work,) = await load_work(database, Kind.NIK, [item], verdict_keep_days=1.0)
    await subjects.erase(database, [item], NOTE)
    moved = await record_outcomes(database, Kind.NIK, [Outcome(work, VERIFIED, remember=True)], challenge_seconds=60.0)

    assert moved == frozenset()
    assert (await everything(database))["identity_verdicts"] == []
    assert list(await load_work(database, Kind.EMAIL, [item], verdict_keep_days=1.0)) == []


async def test_an_erasure_waits_for_a_worker_that_is_writing(database: Database) -> None:
    """Whoever comes first, no verdict is left over."""
    for _ in range(30):
        item = await add(database)
        (work,) = await load_work(database, Kind.NIK, [item], verdict_keep_days=1.0)
        outcome = Outcome(work, VERIFIED, remember=True)
        await asyncio.gather(
            record_outcomes(database, Kind.NIK, [outcome], challenge_seconds=60.0),
            subjects.erase(database, [item], NOTE),
        )
    after = await everything(database)

    assert (after["registrations"], after["identity_verdicts"]) == ([], [])
