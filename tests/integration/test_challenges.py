"""Links and codes: used once, in time, the newest only, and guesses counted before they are compared."""

import asyncio
import os
from uuid import UUID, uuid4

import pytest

from registration.checks import Kind, State
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import EmailLinkState, PhoneCodeState, Registration
from registration.store.work import Outcome, Verdict, load_work, record_outcomes

TRIES = 5
PER_HOUR = 3
CHALLENGES = (Kind.EMAIL, Kind.PHONE)


@pytest.fixture
async def item(database: Database) -> UUID:
    """A registration whose link and code are out."""
    made = Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed")
    await intake.accept(database, [made])
    for kind in CHALLENGES:
        await send(database, kind, made.id)
    return made.id


async def send(database: Database, kind: Kind, item: UUID) -> int:
    """Do what a worker does; returns the generation that went out."""
    (work,) = await load_work(database, kind, [item], verdict_keep_days=1.0)
    await record_outcomes(database, kind, [Outcome(work, Verdict(State.SENT))], challenge_seconds=600.0)
    return work.generation


async def state(database: Database, kind: Kind, item: UUID) -> State:
    status = await intake.read_status(database, item)
    assert status is not None
    return status.checks[kind].state


async def answer(database: Database, kind: Kind, item: UUID, generation: int) -> bool:
    """Follow the link, or type the right code."""
    if kind is Kind.EMAIL:
        return await intake.answer_email_link(database, item, generation) is not None
    return await intake.answer_phone_code(database, item, generation)


async def expire(database: Database, item: UUID) -> None:
    await database.fetch("update challenges set expires_at = now() where registration_id = $1", item)


async def backdate(database: Database, item: UUID, interval: str) -> None:
    await database.fetch(
        f"update challenges set created_at = created_at - interval '{interval}' where registration_id = $1",  # noqa: S608
        item,
    )


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_of_a_hundred_answers_at_once_one_counts(database: Database, item: UUID, kind: Kind) -> None:
    """A mail scanner and a person, or two taps: the check moves once."""
    answers = await asyncio.gather(*(answer(database, kind, item, 1) for _ in range(100)))

    assert sum(answers) == 1
    assert await state(database, kind, item) is State.VERIFIED
    (row,) = await database.fetch(f"select {kind}_version as version from registrations")  # noqa: S608 - a closed list
    assert row["version"] == 2


@pytest.mark.parametrize("kind", CHALLENGES)
@pytest.mark.parametrize("generation", [0, 2, 32_767])
async def test_a_generation_that_was_never_made_is_refused(
    database: Database, item: UUID, kind: Kind, generation: int
) -> None:
    """Only what went out can come back."""
    assert not await answer(database, kind, item, generation)
    assert await state(database, kind, item) is State.SENT


async def test_an_expired_link_is_refused(database: Database, item: UUID) -> None:
    """By PostgreSQL's clock."""
    await expire(database, item)

    assert not await answer(database, Kind.EMAIL, item, 1)
    assert EmailLinkState(State.SENT, newest=True, expired=True) == await intake.read_email_link(database, item, 1)


async def test_an_expired_code_takes_no_try(database: Database, item: UUID) -> None:
    """And says that it has expired, not that the tries are used up."""
    await expire(database, item)

    assert await intake.count_phone_try(database, item, TRIES) is None
    assert PhoneCodeState(tries=0, expired=True) == await intake.read_phone_code(database, item)


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_a_superseded_challenge_is_refused_and_the_newest_counts(
    database: Database, item: UUID, kind: Kind
) -> None:
    """Asking again makes the earlier link or code worthless at once, even before the new one is out."""
    assert await intake.open_challenge(database, kind, item, per_hour=PER_HOUR)
    assert not await answer(database, kind, item, 1)
    assert await send(database, kind, item) == 2
    assert not await answer(database, kind, item, 1)

    assert await answer(database, kind, item, 2)


async def test_looking_at_a_link_does_not_use_it(database: Database, item: UUID) -> None:
    """Mail scanners follow links."""
    for _ in range(3):
        seen = await intake.read_email_link(database, item, 1)
        assert EmailLinkState(State.SENT, newest=True, expired=False) == seen

    assert await intake.answer_email_link(database, item, 1) is State.PENDING
    assert await intake.read_email_link(database, item, 2) is None


async def test_an_answer_may_come_before_the_worker_wrote_that_it_sent(database: Database) -> None:
    """The mail is quicker than the commit; the worker's write is stale then and changes nothing."""
    made = Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed")
    await intake.accept(database, [made])
    (work,) = await load_work(database, Kind.EMAIL, [made.id], verdict_keep_days=1.0)

    assert await answer(database, Kind.EMAIL, made.id, 1)
    outcomes = [Outcome(work, Verdict(State.SENT))]
    assert await record_outcomes(database, Kind.EMAIL, outcomes, challenge_seconds=60.0) == frozenset()
    assert await state(database, Kind.EMAIL, made.id) is State.VERIFIED


async def test_of_a_thousand_guesses_at_once_five_count(database: Database, item: UUID) -> None:
    """A try is counted before it is compared, so guessing in parallel wins nothing."""
    counted = await asyncio.gather(*(intake.count_phone_try(database, item, TRIES) for _ in range(1_000)))

    assert [generation for generation in counted if generation is not None] == [1] * TRIES
    assert PhoneCodeState(tries=TRIES, expired=False) == await intake.read_phone_code(database, item)


async def test_a_new_code_has_tries_of_its_own(database: Database, item: UUID) -> None:
    """Used up is used up for one code only."""
    for _ in range(TRIES):
        await intake.count_phone_try(database, item, TRIES)
    await intake.open_challenge(database, Kind.PHONE, item, per_hour=PER_HOUR)
    await send(database, Kind.PHONE, item)

    assert await intake.count_phone_try(database, item, TRIES) == 2


async def test_guesses_for_nobody_count_nothing(database: Database, item: UUID) -> None:
    """A registration without a code."""
    assert await intake.count_phone_try(database, uuid4(), TRIES) is None
    assert await intake.read_phone_code(database, uuid4()) is None
    assert PhoneCodeState(tries=0, expired=False) == await intake.read_phone_code(database, item)


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_three_an_hour_and_no_more(database: Database, item: UUID, kind: Kind) -> None:
    """The first one included; an hour later there is room again."""
    opened = [
        await send(database, kind, item)
        for _ in range(5)
        if await intake.open_challenge(database, kind, item, per_hour=PER_HOUR)
    ]
    assert opened == [2, 3]

    await backdate(database, item, "61 minutes")
    assert await intake.open_challenge(database, kind, item, per_hour=PER_HOUR)
    assert await send(database, kind, item) == 4


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_of_many_who_ask_at_once_one_is_given_a_new_one(database: Database, item: UUID, kind: Kind) -> None:
    """A double click sends one message."""
    opened = await asyncio.gather(*(intake.open_challenge(database, kind, item, per_hour=PER_HOUR) for _ in range(50)))

    assert sum(opened) == 1
    assert await state(database, kind, item) is State.PENDING
    assert await send(database, kind, item) == 2


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_asking_again_gives_the_work_back_uncharged(database: Database, item: UUID, kind: Kind) -> None:
    """Due at once, with no attempts behind it."""
    await intake.open_challenge(database, kind, item, per_hour=PER_HOUR)
    (work,) = await load_work(database, kind, [item], verdict_keep_days=1.0)

    assert (work.attempts, work.generation) == (0, 2)


@pytest.mark.parametrize("kind", CHALLENGES)
@pytest.mark.parametrize("stands", [state for state in State if state is not State.SENT])
async def test_only_what_is_out_can_be_asked_for_again(
    database: Database, item: UUID, kind: Kind, stands: State
) -> None:
    """Not while a worker is at it, nor once it is settled."""
    await database.fetch(
        f"update registrations set {kind}_state = $1::check_state,"  # noqa: S608 - a closed list
        f" {kind}_reason = case when $1::check_state = 'rejected' then 'x' end",
        stands.value,
    )

    assert not await intake.open_challenge(database, kind, item, per_hour=PER_HOUR)
    assert await state(database, kind, item) is stands
