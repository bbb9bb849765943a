"""Who owns a NIK: of all who verify everything, whatever the order, exactly one."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from registration.checks import Kind, Overall, Reason, State, overall
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.upkeep import read_ledger
from registration.store.work import Outcome, Verdict, load_work, record_outcomes

APPLICANTS = 100
VERIFIED = Verdict(State.VERIFIED)


def registrations(count: int, *, nik_digest: bytes) -> list[Registration]:
    """Registrations of one NIK by different people."""
    return [
        Registration(
            id=uuid4(),
            content_digest=os.urandom(16),
            nik_digest=nik_digest,
            identity_digest=os.urandom(16),
            sealed=b"sealed",
        )
        for _ in range(count)
    ]


async def verify_nik(database: Database, item: UUID) -> None:
    works = await load_work(database, Kind.NIK, [item], verdict_keep_days=1.0)
    outcomes = [Outcome(work, VERIFIED, remember=True) for work in works]
    await record_outcomes(database, Kind.NIK, outcomes, challenge_seconds=60.0)


async def verify_email(database: Database, item: UUID) -> None:
    await load_work(database, Kind.EMAIL, [item], verdict_keep_days=1.0)
    assert await intake.answer_email_link(database, item, 1) is not None


async def verify_phone(database: Database, item: UUID) -> None:
    await load_work(database, Kind.PHONE, [item], verdict_keep_days=1.0)
    generation = await intake.count_phone_try(database, item, 5)
    assert generation is not None
    assert await intake.answer_phone_code(database, item, generation)


STEPS: tuple[Callable[[Database, UUID], Awaitable[None]], ...] = (verify_nik, verify_email, verify_phone)


async def states(database: Database, item: UUID) -> tuple[Overall, State, str | None]:
    status = await intake.read_status(database, item)
    assert status is not None
    check = status.checks[Kind.NIK]
    return overall(status.checks), check.state, check.reason


@pytest.mark.parametrize("seed", range(3))
async def test_a_hundred_applicants_race_for_one_nik_and_one_owns_it(database: Database, seed: int) -> None:
    """All three checks of each are verified in an order of its own, all at once (I3)."""
    chance = random.Random(seed)  # noqa: S311 - a fixed shuffle
    items = registrations(APPLICANTS, nik_digest=os.urandom(16))
    await intake.accept(database, items)

    async def apply(item: UUID) -> None:
        for step in chance.sample(STEPS, k=len(STEPS)):
            await step(database, item)

    await asyncio.gather(*(apply(item.id) for item in items))
    found = [await states(database, item.id) for item in items]

    assert found.count((Overall.COMPLETE, State.VERIFIED, None)) == 1
    loser = (Overall.REJECTED, State.REJECTED, Reason.NIK_ALREADY_REGISTERED.value)
    assert found.count(loser) == APPLICANTS - 1
    ledger = await read_ledger(database)
    assert ledger.balances, ledger.discrepancies
    assert [row["count"] for row in await database.fetch("select count(*) from nik_owners")] == [1]


async def test_one_batch_of_verdicts_finds_one_owner(database: Database) -> None:
    """Also when the workers write them all in one statement."""
    items = registrations(20, nik_digest=os.urandom(16))
    await intake.accept(database, items)
    for item in items:
        await verify_email(database, item.id)
        await verify_phone(database, item.id)
    works = await load_work(database, Kind.NIK, [item.id for item in items], verdict_keep_days=1.0)
    moved = await record_outcomes(
        database, Kind.NIK, [Outcome(work, VERIFIED, remember=True) for work in works], challenge_seconds=60.0
    )

    assert moved == {item.id for item in items}
    assert [(await states(database, item.id))[0] for item in items].count(Overall.COMPLETE) == 1
    assert (await read_ledger(database)).balances


async def test_different_niks_have_different_owners(database: Database) -> None:
    """Nobody is in the way of somebody else."""
    items = [item for _ in range(30) for item in registrations(1, nik_digest=os.urandom(16))]
    await intake.accept(database, items)
    await asyncio.gather(*(step(database, item.id) for item in items for step in STEPS))

    assert {Overall.COMPLETE} == {(await states(database, item.id))[0] for item in items}
    assert (await read_ledger(database)).balances


async def test_who_has_verified_only_a_part_owns_nothing(database: Database) -> None:
    """Nobody can squat on another's NIK by registering first."""
    squatter, person = registrations(2, nik_digest=os.urandom(16))
    await intake.accept(database, [squatter, person])
    await verify_nik(database, squatter.id)
    await verify_email(database, squatter.id)
    for step in STEPS:
        await step(database, person.id)
    assert await states(database, person.id) == (Overall.COMPLETE, State.VERIFIED, None)
    assert (await states(database, squatter.id))[0] is Overall.OPEN

    await verify_phone(database, squatter.id)
    assert await states(database, squatter.id) == (
        Overall.REJECTED,
        State.REJECTED,
        Reason.NIK_ALREADY_REGISTERED.value,
    )
    assert await states(database, person.id) == (Overall.COMPLETE, State.VERIFIED, None)
