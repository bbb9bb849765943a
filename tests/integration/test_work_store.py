"""The workers' writes: only legal moves change a row, stale ones nothing, and what is due is found in order."""

import asyncio
import itertools
import os
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec
import pytest

from registration.checks import MOVES, OPEN_STATES, Kind, Move, Reason, State
from registration.store import intake
from registration.store.database import Database, Row
from registration.store.intake import Registration
from registration.store.upkeep import list_dead_letters
from registration.store.work import (
    NOT_FOUND,
    Backlog,
    Delay,
    Outcome,
    Verdict,
    Work,
    find_due,
    find_priority_due,
    load_work,
    measure_backlog,
    put_off,
    record_outcomes,
)

CHALLENGES = (Kind.EMAIL, Kind.PHONE)
SENT, VERIFIED = Verdict(State.SENT), Verdict(State.VERIFIED)
REJECTED = Verdict(State.REJECTED, Reason.NAME_MISMATCH.value)
DELAYED = Delay("ministry_busy", 60.0)
# The outcomes that a worker of a kind can bring, each with the move of the table that it is.
OUTCOMES: dict[Kind, tuple[tuple[Move, Verdict | Delay], ...]] = {
    Kind.NIK: ((Move.VERIFY, VERIFIED), (Move.REJECT, REJECTED), (Move.DELAY, DELAYED)),
    Kind.PHOTO: ((Move.VERIFY, VERIFIED), (Move.REJECT, REJECTED), (Move.DELAY, DELAYED)),
    Kind.STUDENT: ((Move.VERIFY, VERIFIED), (Move.REJECT, REJECTED), (Move.DELAY, DELAYED)),
    **dict.fromkeys(CHALLENGES, ((Move.SEND, SENT), (Move.REJECT, REJECTED), (Move.DELAY, DELAYED))),
}
WALK = [(kind, *outcome, state) for kind in Kind for outcome in OUTCOMES[kind] for state in State]


async def add(database: Database, count: int = 1, *, identity: bytes | None = None) -> list[UUID]:
    """New registrations, each with every check begun."""
    batch = [
        Registration(uuid4(), os.urandom(16), os.urandom(16), identity or os.urandom(16), os.urandom(64))
        for _ in range(count)
    ]
    await intake.accept(database, batch)
    await database.fetch(
        "update registrations set photo_state = 'pending', photo_due_at = now(), photo_updated_at = now(),"
        " student_state = 'pending', student_due_at = now(), student_updated_at = now()"
        " where photo_state is null"
    )
    return [item.id for item in batch]


async def put(database: Database, kind: Kind, item: UUID, state: State) -> None:
    """Set a check's state by hand."""
    await database.fetch(
        f"update registrations set {kind}_state = $2::check_state,"  # noqa: S608 - a closed list
        f" {kind}_reason = case when $2::check_state = 'rejected' then 'x' end where id = $1",
        item,
        state.value,
    )


async def row(database: Database, item: UUID) -> Row:
    (found,) = await database.fetch("select * from registrations where id = $1", item)
    return dict(found)


async def load(database: Database, kind: Kind, items: Sequence[UUID], *, days: float = 1.0) -> Sequence[Work]:
    return await load_work(database, kind, items, verdict_keep_days=days)


async def record(database: Database, kind: Kind, *outcomes: Outcome) -> frozenset[UUID]:
    return await record_outcomes(database, kind, outcomes, challenge_seconds=600.0)


async def due_in(database: Database, kind: Kind, item: UUID, seconds: float) -> None:
    await database.fetch(
        f"update registrations set {kind}_due_at = now() + make_interval(secs => $2::float8) where id = $1",  # noqa: S608
        item,
        seconds,
    )


# Moves


@pytest.mark.parametrize(("kind", "move", "result", "state"), WALK)
async def test_only_a_legal_move_changes_a_row(
    database: Database, kind: Kind, move: Move, result: Verdict | Delay, state: State
) -> None:
    """The table of moves, walked against the database: every other outcome leaves the row as it was."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    await put(database, kind, item, state)
    before = await row(database, item)
    moved = await record(database, kind, Outcome(work, result))
    after = await row(database, item)

    if state in MOVES[kind][move].sources:
        assert moved == {item}
        assert after[f"{kind}_state"] == MOVES[kind][move].target
        assert after[f"{kind}_version"] == before[f"{kind}_version"] + 1
        assert after[f"{kind}_attempts"] == before[f"{kind}_attempts"] + 1
    else:
        assert moved == frozenset()
        assert before == after


@pytest.mark.parametrize("kind", Kind)
async def test_putting_off_moves_the_due_time_and_nothing_else(database: Database, kind: Kind) -> None:
    """No attempt, no version, no cause: and a check that moved meanwhile, or was set aside, is left alone."""
    item, ended, aside = await add(database, 3)
    await record(database, kind, *(Outcome(work, Delay("slow", 0.0)) for work in await load(database, kind, [item])))
    works = await load(database, kind, [item, ended, aside])
    for other, delay in ((ended, 0.0), (aside, None)):
        (work,) = [work for work in works if work.registration_id == other]
        await record(database, kind, Outcome(work, Delay("down", delay)))
    works = [*works, *await load(database, kind, [aside])]
    before = {one: await row(database, one) for one in (item, ended, aside)}
    await put_off(database, kind, works, least_seconds=50.0, most_seconds=500.0)
    after = {one: await row(database, one) for one in (item, ended, aside)}
    assert before[ended] == after[ended]
    assert before[aside] == after[aside]
    due = f"{kind}_due_at"
    assert 30 < (after[item][due] - before[item][due]).total_seconds() < 70
    assert {key for key in after[item] if after[item][key] != before[item][key]} == {due}
    assert list(await load(database, kind, [item])) == []


@pytest.mark.parametrize(
    ("causes", "is_retry"),
    [
        ((), False),
        (("not_found",), False),
        (("ministry_error",), True),
        (("ministry_error", "not_found"), False),
        (("not_found", "ministry_timeout"), True),
    ],
)
async def test_a_retry_is_a_check_whose_last_call_failed(
    database: Database, causes: Sequence[str], *, is_retry: bool
) -> None:
    """Asking again hours after nobody was found is no retry."""
    (item,) = await add(database)
    for cause in causes:
        (work,) = await load(database, Kind.NIK, [item])
        await record(database, Kind.NIK, Outcome(work, Delay(cause, 0.0)))
    (work,) = await load(database, Kind.NIK, [item])
    assert work.is_retry is is_retry


@pytest.mark.parametrize("kind", Kind)
async def test_an_outcome_touches_no_other_check(database: Database, kind: Kind) -> None:
    """Three workers write to one row, each its own columns."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    before = await row(database, item)
    await record(database, kind, Outcome(work, REJECTED))
    after = await row(database, item)

    assert all(name.startswith(f"{kind}_") for name in before if before[name] != after[name])


@pytest.mark.parametrize(("kind", "result"), [(kind, result) for kind in Kind for _, result in OUTCOMES[kind]])
async def test_a_stale_write_changes_nothing(database: Database, kind: Kind, result: Verdict | Delay) -> None:
    """Whoever was asleep past its lease comes back to a newer version (I4)."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    await record(database, kind, Outcome(work, Delay("first", 0.0)))
    before = await row(database, item)

    assert await record(database, kind, Outcome(work, result)) == frozenset()
    assert before == await row(database, item)


async def test_of_many_who_write_at_once_one_moves_the_check(database: Database) -> None:
    """One effect per step."""
    (item,) = await add(database)
    (work,) = await load(database, Kind.NIK, [item])
    moved = await asyncio.gather(*(record(database, Kind.NIK, Outcome(work, VERIFIED)) for _ in range(50)))

    assert sorted(len(part) for part in moved) == [0] * 49 + [1]
    assert (await row(database, item))["nik_version"] == 1


async def test_a_batch_moves_what_it_can(database: Database) -> None:
    """A stale outcome in the middle disturbs nobody."""
    items = await add(database, 10)
    works = await load(database, Kind.NIK, items)
    stale = {work.registration_id for work in works[::2]}
    for item in stale:
        await put(database, Kind.NIK, item, State.VERIFIED)
    moved = await record(database, Kind.NIK, *(Outcome(work, REJECTED) for work in works))

    assert moved == set(items) - stale


async def test_a_rejection_has_its_reason_and_a_delay_its_cause(database: Database) -> None:
    """The reason is for the applicant, the cause for on-call."""
    items = await add(database, 2)
    works = {work.registration_id: work for work in await load(database, Kind.NIK, items)}
    await record(database, Kind.NIK, Outcome(works[items[0]], REJECTED), Outcome(works[items[1]], DELAYED))
    rejected, delayed = [await row(database, item) for item in items]

    assert (rejected["nik_reason"], rejected["nik_cause"]) == ("name_mismatch", None)
    assert (delayed["nik_reason"], delayed["nik_cause"]) == (None, "ministry_busy")


# Waiting and setting aside


@pytest.mark.parametrize("kind", Kind)
async def test_delayed_work_is_due_after_its_wait(database: Database, kind: Kind) -> None:
    """Not before, though somebody asks for it by id."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    await record(database, kind, Outcome(work, Delay("ministry_busy", 3_600.0)))
    assert list(await load(database, kind, [item])) == []
    assert list(await find_due(database, kind, 10)) == []

    await due_in(database, kind, item, -1.0)
    (again,) = await load(database, kind, [item])
    assert (again.version, again.attempts) == (1, 1)
    assert [item] == list(await find_due(database, kind, 10))


@pytest.mark.parametrize("kind", Kind)
async def test_work_that_is_set_aside_is_a_dead_letter_and_never_due(database: Database, kind: Kind) -> None:
    """Until a person replays it; its check is delayed, not rejected."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    await record(database, kind, Outcome(work, Delay("poison", None)))

    found = await row(database, item)
    assert (found[f"{kind}_state"], found[f"{kind}_cause"]) == ("delayed", "poison")
    assert list(await load(database, kind, [item])) == []
    assert list(await find_due(database, kind, 10)) == []
    assert Backlog(open=0, set_aside=1, oldest_due_seconds=0.0) == await measure_backlog(database, kind)
    (letter,) = await list_dead_letters(database, kind=kind, cause=None, limit=10)
    assert (letter.registration_id, letter.kind, letter.cause, letter.attempts) == (item, kind, "poison", 1)


async def test_setting_aside_twice_makes_one_dead_letter(database: Database) -> None:
    """Writing again is harmless."""
    (item,) = await add(database)
    (work,) = await load(database, Kind.NIK, [item])
    outcome = Outcome(work, Delay("poison", None))
    await record(database, Kind.NIK, outcome)
    await record(database, Kind.NIK, outcome)
    await record(database, Kind.NIK, Outcome(msgspec.structs.replace(work, version=1), Delay("poison", None)))

    assert len(await list_dead_letters(database, kind=None, cause=None, limit=10)) == 1


# Misses


async def test_only_not_found_counts_a_miss(database: Database) -> None:
    """The waits before asking again grow with these, not with the system's own failures."""
    (item,) = await add(database)
    for cause in (NOT_FOUND, "ministry_busy", NOT_FOUND, "ministry_timeout"):
        (work,) = await load(database, Kind.NIK, [item])
        await record(database, Kind.NIK, Outcome(work, Delay(cause, 0.0)))
    (work,) = await load(database, Kind.NIK, [item])

    assert (work.misses, work.attempts) == (2, 4)


async def test_a_stale_miss_is_not_counted(database: Database) -> None:
    """It is written together with its delay, or not at all."""
    (item,) = await add(database)
    (work,) = await load(database, Kind.NIK, [item])
    await record(database, Kind.NIK, Outcome(work, Delay(NOT_FOUND, 0.0)))
    await record(database, Kind.NIK, Outcome(work, Delay(NOT_FOUND, 0.0)))

    (work,) = await load(database, Kind.NIK, [item])
    assert work.misses == 1


# Identity verdicts


@pytest.mark.parametrize("verdict", [VERIFIED, REJECTED])
async def test_a_remembered_verdict_comes_with_the_work_on_the_same_identity(
    database: Database, verdict: Verdict
) -> None:
    """The same person and data asked twice costs one call."""
    identity = os.urandom(16)
    first, second = await add(database, 2, identity=identity)
    (other,) = await add(database)
    (work,) = await load(database, Kind.NIK, [first])
    assert work.known is None
    await record(database, Kind.NIK, Outcome(work, verdict, remember=True))
    works = {found.registration_id: found.known for found in await load(database, Kind.NIK, [first, second, other])}

    assert {second: verdict, other: None} == works


async def test_a_verdict_that_is_not_to_be_remembered_is_not(database: Database) -> None:
    """Reused verdicts and the last "not found" say nothing of the next registration."""
    first, second = await add(database, 2, identity=os.urandom(16))
    (work,) = await load(database, Kind.NIK, [first])
    await record(database, Kind.NIK, Outcome(work, REJECTED))

    (other,) = await load(database, Kind.NIK, [second])
    assert other.known is None


async def test_a_rejection_is_forgotten_in_time_and_a_confirmation_never(database: Database) -> None:
    """People have the registry's data mended; a match stays one."""
    items = {verdict.state: await add(database, 2, identity=os.urandom(16)) for verdict in (VERIFIED, REJECTED)}
    for verdict in (VERIFIED, REJECTED):
        (work,) = await load(database, Kind.NIK, [items[verdict.state][0]])
        await record(database, Kind.NIK, Outcome(work, verdict, remember=True))
    await database.fetch("update identity_verdicts set decided_at = now() - interval '25 hours'")
    second = [pair[1] for pair in items.values()]

    assert {VERIFIED, None} == {work.known for work in await load(database, Kind.NIK, second)}
    assert {VERIFIED, REJECTED} == {work.known for work in await load(database, Kind.NIK, second, days=2.0)}


@pytest.mark.parametrize("order", list(itertools.permutations([VERIFIED, REJECTED])))
async def test_a_rejection_never_takes_a_confirmation_back(database: Database, order: tuple[Verdict, ...]) -> None:
    """Of two answers about one identity, one late, the confirmation stays, in whichever order they come."""
    first, second, third = await add(database, 3, identity=os.urandom(16))
    works = await load(database, Kind.NIK, [first, second])
    for work, verdict in zip(works, order, strict=True):
        await record(database, Kind.NIK, Outcome(work, verdict, remember=True))

    (work,) = await load(database, Kind.NIK, [third])
    assert work.known == VERIFIED


@pytest.mark.parametrize("order", list(itertools.permutations([VERIFIED, REJECTED])))
async def test_in_one_batch_too_the_confirmation_stays(database: Database, order: tuple[Verdict, ...]) -> None:
    """Two answers about one identity can be written in the same commit."""
    first, second, third = await add(database, 3, identity=os.urandom(16))
    works = await load(database, Kind.NIK, [first, second])
    outcomes = [Outcome(work, verdict, remember=True) for work, verdict in zip(works, order, strict=True)]
    await record(database, Kind.NIK, *outcomes)

    (work,) = await load(database, Kind.NIK, [third])
    assert work.known == VERIFIED


# Finding work


@pytest.mark.parametrize("kind", Kind)
async def test_due_work_is_found_the_longest_waiting_first(database: Database, kind: Kind) -> None:
    """Up to a limit, and nothing that waits or is settled."""
    items = await add(database, 8)
    for place, item in enumerate(items[:6]):
        await due_in(database, kind, item, -100.0 + 10 * place)
    await due_in(database, kind, items[6], 100.0)
    await put(database, kind, items[7], State.VERIFIED)
    await put(database, kind, items[0], State.DELAYED)

    assert items[:6] == list(await find_due(database, kind, 10))
    assert items[:4] == list(await find_due(database, kind, 4))
    assert 100.0 <= (await measure_backlog(database, kind)).oldest_due_seconds < 200.0
    assert (await measure_backlog(database, kind)).open == 7


async def test_whose_mail_is_verified_has_priority(database: Database) -> None:
    """Also while delayed, the longest-waiting first, and only while its NIK is open and due."""
    items = await add(database, 6)
    for item in items[1:]:
        await put(database, Kind.EMAIL, item, State.VERIFIED)
    await put(database, Kind.NIK, items[2], State.VERIFIED)
    await put(database, Kind.NIK, items[3], State.DELAYED)
    await due_in(database, Kind.NIK, items[4], 100.0)
    await due_in(database, Kind.NIK, items[5], -100.0)
    await due_in(database, Kind.NIK, items[3], -50.0)

    assert [items[5], items[3], items[1]] == list(await find_priority_due(database, 10))
    assert [items[5]] == list(await find_priority_due(database, 1))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("state", State)
async def test_only_open_work_is_loaded(database: Database, kind: Kind, state: State) -> None:
    """A stream's entry may come late: what is settled needs nothing."""
    (item,) = await add(database)
    await put(database, kind, item, state)

    assert [item] * (state in OPEN_STATES) == [work.registration_id for work in await load(database, kind, [item])]


async def test_work_of_nobody_is_none(database: Database) -> None:
    """A registration can be erased while its entry is on the way."""
    for kind in Kind:
        assert list(await load(database, kind, [uuid4()])) == []
        assert list(await load(database, kind, [])) == []
        assert Backlog(0, 0, 0.0) == await measure_backlog(database, kind)


# Generations


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_a_worker_that_died_after_sending_sends_the_same_again(database: Database, kind: Kind) -> None:
    """Loaded twice, or by many at once, it is the same generation, so the second message has the same secret."""
    items = await add(database, 5)
    loads = await asyncio.gather(*(load(database, kind, items) for _ in range(10)))

    assert {1} == {work.generation for works in loads for work in works}
    assert {5} == {len(works) for works in loads}
    (counted,) = await database.fetch("select count(*) from challenges")
    assert counted["count"] == 5


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_the_life_of_a_challenge_begins_when_it_went_out(database: Database, kind: Kind) -> None:
    """Waiting in a stream costs the applicant nothing of it."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    (before,) = await database.fetch("select sent_at, expires_at from challenges")
    await record(database, kind, Outcome(work, SENT))
    (after,) = await database.fetch("select sent_at, expires_at from challenges")

    assert (before["sent_at"], before["expires_at"]) == (None, None)
    assert (after["expires_at"] - after["sent_at"]).total_seconds() == 600.0


@pytest.mark.parametrize("kind", CHALLENGES)
async def test_a_stale_send_does_not_prolong_a_life(database: Database, kind: Kind) -> None:
    """Only the write that moved the check starts the clock."""
    (item,) = await add(database)
    (work,) = await load(database, kind, [item])
    await record(database, kind, Outcome(work, SENT))
    await database.fetch("update challenges set expires_at = sent_at")
    await record(database, kind, Outcome(work, SENT))

    (found,) = await database.fetch("select expires_at = sent_at as unchanged from challenges")
    assert found["unchanged"]
