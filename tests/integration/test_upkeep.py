"""The ledger balances in every sound state and finds each contradiction; dead letters are listed, counted, replayed."""

import os
import random
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from registration.checks import FROM_THE_START, Kind, Reason, State
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.upkeep import (
    count_dead_letters,
    list_dead_letters,
    read_ledger,
    replay_dead_letters,
)
from registration.store.work import Delay, Outcome, Verdict, find_due, load_work, record_outcomes

RESULTS: dict[Kind, Sequence[Verdict | Delay]] = {
    kind: (
        Verdict(State.VERIFIED if kind is Kind.NIK else State.SENT),
        Verdict(State.REJECTED, Reason.NAME_MISMATCH.value),
        Delay("ministry_busy", 0.0),
        Delay("poison", None),
    )
    for kind in Kind
}


async def add(database: Database, count: int = 1) -> list[UUID]:
    batch = [Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for _ in range(count)]
    await intake.accept(database, batch)
    return [item.id for item in batch]


async def work_on(database: Database, kind: Kind, item: UUID, result: Verdict | Delay) -> None:
    works = await load_work(database, kind, [item], verdict_keep_days=1.0)
    outcomes = [Outcome(work, result, remember=True) for work in works]
    await record_outcomes(database, kind, outcomes, challenge_seconds=600.0)


async def complete(database: Database, item: UUID) -> None:
    """Verify everything of a registration."""
    await work_on(database, Kind.NIK, item, Verdict(State.VERIFIED))
    for kind in (Kind.EMAIL, Kind.PHONE):
        await work_on(database, kind, item, Verdict(State.SENT))
    assert await intake.answer_email_link(database, item, 1)
    assert await intake.answer_phone_code(database, item, 1)


# The ledger


async def test_an_empty_ledger_balances(database: Database) -> None:
    """Nothing accepted, nothing owed."""
    ledger = await read_ledger(database)

    assert ledger.balances
    assert ledger.accepted == 0
    assert {kind: dict.fromkeys(State, 0) for kind in Kind} == ledger.states


async def test_the_ledger_counts_every_check_in_every_state(database: Database) -> None:
    """Accepted is the sum of each check's states, exactly (I17)."""
    items = await add(database, 5)
    await complete(database, items[0])
    await work_on(database, Kind.NIK, items[1], Verdict(State.REJECTED, "name_mismatch"))
    await work_on(database, Kind.EMAIL, items[1], Verdict(State.SENT))
    await work_on(database, Kind.PHONE, items[2], Delay("sms_gateway", 60.0))
    ledger = await read_ledger(database)

    assert ledger.balances
    assert ledger.accepted == 5
    counted = {kind: {state: n for state, n in states.items() if n} for kind, states in ledger.states.items()}
    assert counted == {
        Kind.NIK: {State.VERIFIED: 1, State.REJECTED: 1, State.PENDING: 3},
        Kind.EMAIL: {State.VERIFIED: 1, State.SENT: 1, State.PENDING: 3},
        Kind.PHONE: {State.VERIFIED: 1, State.DELAYED: 1, State.PENDING: 3},
        Kind.PHOTO: {},
        Kind.STUDENT: {},
    }
    assert ledger.without == {Kind.PHOTO: 5, Kind.STUDENT: 5}


@pytest.mark.parametrize("seed", range(5))
async def test_the_ledger_balances_after_every_step(database: Database, seed: int) -> None:
    """Whatever workers, applicants and on-call do, in whatever order."""
    chance = random.Random(seed)  # noqa: S311 - a fixed walk
    items = await add(database, 6)
    for _ in range(60):
        item, kind = chance.choice(items), chance.choice(list(Kind))
        match chance.randrange(6):
            case 0:
                await intake.answer_email_link(database, item, chance.randrange(1, 3))
            case 1:
                await intake.answer_phone_code(database, item, chance.randrange(1, 3))
            case 2 if kind in {Kind.EMAIL, Kind.PHONE}:
                await intake.open_challenge(database, kind, item, per_hour=3)
            case 3:
                await replay_dead_letters(database, kind, cause=None, limit=2)
            case _:
                await work_on(database, kind, item, chance.choice(RESULTS[kind]))
        ledger = await read_ledger(database)
        assert ledger.balances, ledger.discrepancies


CONTRADICTIONS = {
    "complete but not owner of its NIK": ["delete from nik_owners"],
    "owner of a NIK but not complete": ["update registrations set phone_state = 'sent' where id = $1"],
    "NIK verified but the registry never said so": ["delete from identity_verdicts"],
    "e-mail sent or verified but no link was ever made": ["delete from challenges where kind = 'email'"],
    "phone sent or verified but no code was ever made": ["delete from challenges where kind = 'phone'"],
}


@pytest.mark.parametrize("discrepancy", CONTRADICTIONS)
async def test_each_contradiction_is_found(database: Database, discrepancy: str) -> None:
    """Made by hand, one book at a time; the others stay sound."""
    (item,) = await add(database)
    await complete(database, item)
    assert (await read_ledger(database)).balances
    for sql in CONTRADICTIONS[discrepancy]:
        await database.fetch(sql, *([item] if "$1" in sql else []))
    ledger = await read_ledger(database)

    assert not ledger.balances
    assert {discrepancy: 1} == {name: count for name, count in ledger.discrepancies.items() if count}


async def test_an_owner_of_another_nik_is_found(database: Database) -> None:
    """The row that a registration owns must be of its own NIK."""
    (item,) = await add(database)
    await complete(database, item)
    await database.fetch("update nik_owners set nik_digest = '\\x00'")
    ledger = await read_ledger(database)

    assert ledger.discrepancies["complete but not owner of its NIK"] == 1


@pytest.mark.parametrize("kind", FROM_THE_START)
async def test_work_that_was_set_aside_without_a_dead_letter_is_found(database: Database, kind: Kind) -> None:
    """Nobody would ever look at it again."""
    items = await add(database, 3)
    for item in items:
        await work_on(database, kind, item, Delay("poison", None))
    assert (await read_ledger(database)).balances
    await database.fetch("delete from dead_letters where registration_id = $1", items[0])
    ledger = await read_ledger(database)

    assert {name: n for name, n in ledger.discrepancies.items() if n} == {"set aside but no dead letter": 1}


# Dead letters


async def set_aside(database: Database, causes: Sequence[tuple[Kind, str]]) -> list[UUID]:
    """One registration for each cause, the earliest first."""
    items = await add(database, len(causes))
    for place, (item, (kind, cause)) in enumerate(zip(items, causes, strict=True)):
        await work_on(database, kind, item, Delay(cause, None))
        await database.fetch(
            "update dead_letters set died_at = now() - make_interval(secs => $2::float8) where registration_id = $1",
            item,
            float(1_000 - place),
        )
    return items


CAUSES = [(Kind.NIK, "poison"), (Kind.NIK, "bug"), (Kind.EMAIL, "poison"), (Kind.NIK, "poison")]


async def test_dead_letters_are_listed_the_latest_first(database: Database) -> None:
    """By kind and cause, up to a limit."""
    items = await set_aside(database, CAUSES)

    async def listed(kind: Kind | None, cause: str | None, limit: int = 10) -> list[UUID]:
        return [
            letter.registration_id for letter in await list_dead_letters(database, kind=kind, cause=cause, limit=limit)
        ]

    assert items[::-1] == await listed(None, None)
    assert [items[3], items[1], items[0]] == await listed(Kind.NIK, None)
    assert [items[3], items[2], items[0]] == await listed(None, "poison")
    assert [items[3], items[0]] == await listed(Kind.NIK, "poison")
    assert items[:1:-1] == await listed(None, None, limit=2)


async def test_dead_letters_are_counted_by_kind_and_cause(database: Database) -> None:
    """What on-call sees first."""
    await set_aside(database, CAUSES)
    counted = await count_dead_letters(database)

    assert [(item.kind, item.cause, item.count) for item in counted] == [
        (Kind.EMAIL, "poison", 1),
        (Kind.NIK, "bug", 1),
        (Kind.NIK, "poison", 2),
    ]


async def test_replayed_work_is_due_again_with_its_attempts_forgotten(database: Database) -> None:
    """And its letter waits for nobody any more."""
    items = await set_aside(database, CAUSES)

    assert await replay_dead_letters(database, Kind.NIK, cause="poison", limit=10) == 2
    assert {items[0], items[3]} == set(await find_due(database, Kind.NIK, 10)) & {items[0], items[1], items[3]}
    works = await load_work(database, Kind.NIK, items, verdict_keep_days=1.0)
    assert [work.attempts for work in works if work.registration_id in {items[0], items[3]}] == [0, 0]
    left = {(item.kind, item.cause) for item in await count_dead_letters(database)}
    assert left == {(Kind.NIK, "bug"), (Kind.EMAIL, "poison")}
    assert (await read_ledger(database)).balances


async def test_the_oldest_are_replayed_first_and_only_so_many(database: Database) -> None:
    """On-call tries a few before all."""
    items = await set_aside(database, [(Kind.NIK, "poison")] * 4)

    assert await replay_dead_letters(database, Kind.NIK, cause=None, limit=2) == 2
    assert set(items[:2]) == set(await find_due(database, Kind.NIK, 10))
    assert await replay_dead_letters(database, Kind.NIK, cause=None, limit=10) == 2
    assert await replay_dead_letters(database, Kind.NIK, cause=None, limit=10) == 0


async def test_work_can_be_set_aside_again_after_a_replay(database: Database) -> None:
    """Each time is a letter of its own."""
    (item,) = await set_aside(database, [(Kind.NIK, "poison")])
    for _ in range(3):
        await replay_dead_letters(database, Kind.NIK, cause=None, limit=1)
        await work_on(database, Kind.NIK, item, Delay("poison", None))

    assert [item] == [
        letter.registration_id for letter in await list_dead_letters(database, kind=None, cause=None, limit=10)
    ]
    (row,) = await database.fetch("select count(*) from dead_letters")
    assert row["count"] == 4


async def test_a_worker_that_was_asleep_changes_nothing_after_a_replay(database: Database) -> None:
    """The replay is a new version, so an old outcome is stale."""
    (item,) = await add(database)
    (work,) = await load_work(database, Kind.NIK, [item], verdict_keep_days=1.0)
    await work_on(database, Kind.NIK, item, Delay("poison", None))
    await replay_dead_letters(database, Kind.NIK, cause=None, limit=1)
    outcomes = [Outcome(work, Verdict(State.VERIFIED))]

    assert await record_outcomes(database, Kind.NIK, outcomes, challenge_seconds=1.0) == frozenset()


@pytest.mark.parametrize("kind", [Kind.EMAIL, Kind.PHONE])
async def test_an_answer_closes_the_dead_letter_of_its_sending(database: Database, kind: Kind) -> None:
    """The mail had arrived after all: nobody need look at it."""
    (item,) = await add(database)
    await load_work(database, kind, [item], verdict_keep_days=1.0)
    await work_on(database, kind, item, Delay("poison", None))
    if kind is Kind.EMAIL:
        assert await intake.answer_email_link(database, item, 1)
    else:
        assert await intake.answer_phone_code(database, item, 1)

    assert list(await count_dead_letters(database)) == []
    assert (await read_ledger(database)).balances
