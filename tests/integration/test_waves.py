"""Waves and the test in PostgreSQL: exact at the closing second, once in a lifetime, whatever races."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from registration.assessment import QUESTIONS, Scores
from registration.store import assessments, stages, waves
from registration.store.assessments import Attempt, Unscored
from registration.store.database import Database
from registration.store.progress import read_progress
from registration.store.waves import Joining, Lottery, NotReadyError
from registration.waves import Wave, commitment, load_rules, select

RULES = load_rules()
SEED = bytes(range(32))


def reveal(_number: int, _nonce: bytes) -> bytes:
    """The one seed of these tests."""
    return SEED


async def planned(database: Database, *, number: int = 1, quota: int = 10, seconds: float = 600.0) -> None:
    """A wave that is open now and closes after `seconds`."""
    now = datetime.now(UTC)
    wave = Wave(number, now - timedelta(seconds=5), now + timedelta(seconds=seconds), quota)
    assert await waves.plan(database, [wave], [Lottery(commitment(SEED), b"nonce")]) == [number]
    assert await waves.open_wave(database, number, actor="tester", override_reason="test")


async def complete(database: Database, count: int) -> Sequence[UUID]:
    """Applicants with everything verified."""
    ids = [uuid4() for _ in range(count)]
    await database.fetch(
        """
        insert into registrations (id, content_digest, nik_digest, identity_digest, sealed)
        select id, '\\x00', digest, digest, 'sealed' from unnest($1::uuid[], $2::bytea[]) as t (id, digest)
        """,
        ids,
        [os.urandom(16) for _ in ids],
    )
    await database.fetch(
        "update registrations set nik_state = 'verified', email_state = 'verified', phone_state = 'verified' "
        "where id = any($1::uuid[])",
        ids,
    )
    return ids


async def do_the_test(database: Database, ids: Sequence[UUID], wave: int) -> None:
    """As if they had all done the test, with different results."""
    await database.fetch(
        """
        insert into assessments (
            registration_id, wave, bank_version, deadline_at, answers, submitted_at, motivation, maths, scored_at
        )
        select id, $2, 1, now(), '{}', now(), n % 22, n % 13, now()
        from unnest($1::uuid[]) with ordinality as t (id, n)
        """,
        ids,
        wave,
    )


def answers(given: Mapping[int, int]) -> list[int | None]:
    """A paper with these answers."""
    return [given.get(place) for place in range(QUESTIONS)]


async def attempt_of(database: Database, person: UUID) -> Attempt:
    """Somebody's attempt as it stands."""
    progress = await read_progress(database, person, asks_students=False)
    assert progress is not None
    assert progress.attempt is not None
    return progress.attempt


async def join(database: Database, ids: Sequence[UUID], wave: int) -> Counter[Joining]:
    """Let them join in one batch."""
    return Counter(await waves.join(database, wave, ids, [uuid4() for _ in ids], asks_students=False))


async def test_only_complete_and_tested_applicants_join_an_open_wave(database: Database) -> None:
    """Each who cannot is told why; joining twice changes nothing."""
    ready, untested, *rest = await complete(database, 4)
    incomplete = uuid4()
    assert await join(database, [ready], 1) == {Joining.NOT_OPEN: 1}
    await planned(database)
    await do_the_test(database, [ready, *rest], 1)
    outcomes = await waves.join(
        database, 1, [ready, untested, incomplete, ready], [uuid4() for _ in range(4)], asks_students=False
    )
    assert outcomes == [
        Joining.JOINED,
        Joining.NOT_TESTED,
        Joining.INCOMPLETE,
        Joining.JOINED,
    ]
    assert await join(database, [ready], 1) == {Joining.JOINED: 1}
    (record,) = await waves.list_waves(database)
    assert record.joined == 1


async def test_nobody_joins_after_the_closing_second(database: Database) -> None:
    """A crowd races with the closing: every join is earlier by PostgreSQL's clock, and the rest is told so."""
    ids = await complete(database, 600)
    await planned(database, seconds=1.5)
    await do_the_test(database, ids, 1)
    outcomes: Counter[Joining] = Counter()

    async def keep_joining(batch: Sequence[UUID]) -> None:
        for item in batch:
            outcomes.update(await join(database, [item], 1))
            await asyncio.sleep(0.02)

    await asyncio.gather(*(keep_joining(ids[start::10]) for start in range(10)))
    while not await waves.close_wave(database, 1, early=False):  # noqa: ASYNC110 - a clock rings no bell
        await asyncio.sleep(0.05)
    late = await database.fetch(
        "select 1 from joins as j join waves as w on w.number = j.wave where joined_at >= closes_at"
    )
    (record,) = await waves.list_waves(database)
    assert late == []
    assert record.joined == outcomes[Joining.JOINED]
    assert outcomes[Joining.JOINED] + outcomes[Joining.NOT_OPEN] == len(ids)


async def test_a_join_that_had_to_wait_past_the_closing_is_stamped_in_time(database: Database) -> None:
    """What is written is the moment that decided: nobody can have joined a wave after its end."""
    people = await complete(database, 1)
    await planned(database, seconds=1.0)
    await do_the_test(database, people, 1)
    async with database.transaction() as connection:
        await connection.fetch("select 1 from waves where number = 1 for update")
        joining = asyncio.create_task(join(database, people, 1))
        await connection.fetch("select pg_sleep(1.2)")
    await joining
    assert not await database.fetch(
        "select 1 from joins join waves on waves.number = joins.wave where joined_at >= closes_at"
    )


async def test_closing_waits_for_joins_under_way_and_refuses_later_ones(database: Database) -> None:
    """After `close` has returned the list of participants is final."""
    early, late = await complete(database, 2)
    await planned(database)
    await do_the_test(database, [early, late], 1)
    async with database.transaction() as connection:
        await connection.fetch("select number from waves for share")  # a join that has not committed yet
        closing = asyncio.create_task(waves.close_wave(database, 1, early=True))
        await asyncio.sleep(0.1)
        assert not closing.done()
    assert await closing
    assert await join(database, [late], 1) == {Joining.NOT_OPEN: 1}


async def test_a_closing_takes_nothing_from_sight(database: Database) -> None:
    """Until the next wave opens the score and the participation are shown; who asks again to join finds out."""
    (person,) = await complete(database, 1)
    await planned(database)
    await do_the_test(database, [person], 1)
    assert await join(database, [person], 1) == {Joining.JOINED: 1}
    await waves.close_wave(database, 1, early=True)
    assert await join(database, [person], 1) == {Joining.JOINED: 1}, "the answer of the first time may have been lost"
    progress = await read_progress(database, person, asks_students=False)
    assert progress is not None
    assert progress.attempt is not None
    assert progress.attempt.scores == Scores(1, 1)
    assert progress.participation is not None
    assert (progress.open, progress.participation.wave) == (False, 1)

    await database.fetch(
        "update waves set opens_at = opens_at - interval '1 week', closes_at = closes_at - interval '1 week'"
    )
    await planned(database, number=2)
    progress = await read_progress(database, person, asks_students=False)
    assert progress is not None
    assert (progress.open, progress.attempt, progress.participation) == (True, None, None), "a new wave, a new test"


async def test_selection_takes_the_best_exactly_once_and_never_over_quota(database: Database) -> None:
    """What is stored is what the pure function says, however often and by however many it is asked for."""
    ids = await complete(database, 200)
    await planned(database, quota=50)
    await do_the_test(database, ids, 1)
    await join(database, ids, 1)
    with pytest.raises(NotReadyError):
        await waves.run_selection(database, 1, rules=RULES, seed=reveal)
    await waves.close_wave(database, 1, early=True)
    results = await asyncio.gather(
        *(waves.run_selection(database, 1, rules=RULES, seed=reveal) for _ in range(4)), return_exceptions=True
    )
    (places,) = [result for result in results if not isinstance(result, BaseException)]
    assert [type(result) for result in results].count(NotReadyError) == 3
    (record,) = await waves.list_waves(database)
    assert (record.joined, record.selected) == (200, 50)
    assert [place.selected for place in places].count(True) == 50
    entries = [place.entry for place in places]
    random.Random(1).shuffle(entries)  # noqa: S311 - an order of no meaning
    assert places == select(entries, rules=RULES, seed=SEED, quota=50)


async def test_the_benefit_is_given_once_in_a_lifetime(database: Database) -> None:
    """Who was selected cannot join again; who joined before being selected elsewhere is left out."""
    ids = await complete(database, 20)
    await planned(database, quota=10)
    await do_the_test(database, ids, 1)
    await join(database, ids, 1)
    await waves.close_wave(database, 1, early=True)
    await database.fetch(
        "update waves set opens_at = opens_at - interval '1 week', closes_at = closes_at - interval '1 week'"
    )
    await planned(database, number=2, quota=20)
    await do_the_test(database, ids, 2)
    first = await database.fetch("select nik_digest from joins order by ticket limit 3")
    await waves.run_selection(database, 1, rules=RULES, seed=reveal)
    assert await join(database, ids, 2) == {Joining.JOINED: 20}, "nobody learns the result by joining the next wave"
    await database.fetch("update waves set announce_at = clock_timestamp() where number = 1")
    await waves.close_wave(database, 2, early=True)
    places = await waves.run_selection(database, 2, rules=RULES, seed=reveal)

    assert len(places) == 10, "those of the first wave take no part in the second"
    counts = await database.fetch("select count(*) as n, count(distinct nik_digest) as people from beneficiaries")
    assert (counts[0]["n"], counts[0]["people"]) == (20, 20)
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.fetch("insert into beneficiaries (nik_digest, wave) values ($1, 2)", first[0]["nik_digest"])


async def test_two_waves_never_stand_open_at_once(database: Database) -> None:
    """A plan whose times overlap with another's is refused by the table."""
    await planned(database)
    with pytest.raises(waves.OverlapError):
        await planned(database, number=2)


async def test_a_wave_is_opened_with_a_proof_or_a_reason(database: Database) -> None:
    """Not silently without either."""
    now = datetime.now(UTC)
    await waves.plan(database, [Wave(1, now, now + timedelta(hours=1), 5)], [Lottery(commitment(SEED), b"nonce")])
    with pytest.raises(asyncpg.CheckViolationError):
        await waves.open_wave(database, 1, actor="tester")
    assert await waves.open_wave(database, 1, actor="tester", proof="a" * 64)
    assert not await waves.open_wave(database, 1, actor="tester", proof="b" * 64), "it is open"


async def test_answers_are_kept_and_the_deadline_is_the_servers(database: Database) -> None:
    """A reload or a second device finds the same attempt; after the end nothing changes."""
    (person,) = await complete(database, 1)
    assert await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False) is None, (
        "no wave is open"
    )
    await planned(database)
    attempt = await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False)
    assert attempt is not None
    assert attempt.answers == (None,) * QUESTIONS
    assert attempt.deadline_at <= attempt.started_at + timedelta(minutes=25, seconds=1)
    assert await assessments.save_answers(database, person, answers({0: 2}))
    assert await assessments.save_answers(database, person, answers({18: 3}))
    assert await assessments.save_answers(database, person, answers({0: 1}))
    again = await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False)
    assert again is not None
    assert (again.started_at, again.answers[0], again.answers[18]) == (attempt.started_at, 1, 3)
    assert await assessments.submit(database, person)
    assert not await assessments.submit(database, person)
    assert not await assessments.save_answers(database, person, answers({1: 0}))
    kept = await attempt_of(database, person)
    assert kept.ended
    assert kept.answers[1] is None


async def test_the_deadline_ends_an_attempt_that_nobody_submitted(database: Database) -> None:
    """And its answers are scored like any other's."""
    (person,) = await complete(database, 1)
    await planned(database)
    await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False)
    await assessments.save_answers(database, person, answers({4: 0}))
    assert await assessments.score_ended(database, lambda _: Scores(1, 1), bank_version=1, limit=10) == 0
    await database.fetch("update assessments set deadline_at = clock_timestamp()")
    assert not await assessments.save_answers(database, person, answers({5: 0}))

    def by_length(item: Unscored) -> Scores:
        return Scores(len(item.answers), 1)

    assert await assessments.score_ended(database, by_length, bank_version=1, limit=10) == 1
    kept = await attempt_of(database, person)
    assert kept.scores == Scores(QUESTIONS, 1)


async def test_two_scorers_share_the_work_and_score_each_attempt_once(database: Database) -> None:
    """What one holds the other passes over."""
    ids = await complete(database, 60)
    await planned(database)
    for person in ids:
        await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False)
        await assessments.submit(database, person)
    counts = [0, 0]

    async def scorer(number: int) -> None:
        while (scored := await assessments.score_ended(database, lambda _: Scores(5, 5), bank_version=1, limit=7)) > 0:
            counts[number] += scored

    await asyncio.gather(scorer(0), scorer(1))
    assert sum(counts) == 60


async def test_what_of_the_later_stages_waits_is_counted(database: Database) -> None:
    """A test that ended and has no score, and messages by how late they are; what is scored or sent waits no more."""
    (person,) = await complete(database, 1)
    await planned(database)
    assert (await stages.measure(database)).oldest_unscored_seconds == 0
    await assessments.start(database, person, bank_version=1, minutes=25, asks_students=False)
    await assessments.submit(database, person)
    await database.fetch("update assessments set submitted_at = submitted_at - interval '90 seconds'")
    assert 90 <= (await stages.measure(database)).oldest_unscored_seconds < 150
    await assessments.score_ended(database, lambda _: Scores(5, 5), bank_version=1, limit=9)
    assert (await stages.measure(database)).oldest_unscored_seconds == 0

    await database.fetch(
        "insert into announcements (wave, registration_id, channel, due_at, attempts) values"
        " (1, $1, 'email', clock_timestamp() + interval '1 hour', 0), (1, $1, 'phone', clock_timestamp(), 0)",
        person,
    )
    messages = (await stages.measure(database)).messages
    assert {key: count for key, count in messages.items() if count} == {("email", "planned"): 1, ("phone", "due"): 1}
    await database.fetch("update announcements set attempts = 2 where channel = 'email'")
    await database.fetch("update announcements set sent_at = clock_timestamp() where channel = 'phone'")
    messages = (await stages.measure(database)).messages
    assert {key: count for key, count in messages.items() if count} == {("email", "overdue"): 1}
    assert len(messages) == 6, "a state that nobody is in is shown as 0"
