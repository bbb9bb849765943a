"""Whether somebody studies: asked after the NIK, behind a ceiling of its own, and needed for test and wave."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import aiohttp
import msgspec
import pytest

from ingest.answers import Answers
from ingest.shortcut import Shortcut
from ingest.statuses import Statuses
from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.checks import Check, Kind, Reason, State
from registration.errors import Overloaded
from registration.handles import Challenges
from registration.sealing import KeyRing
from registration.settings import Settings, SettingsError
from registration.store import assessments, pauses, students, waves
from registration.store.account import read_account
from registration.store.database import Database
from registration.store.progress import read_progress
from registration.store.quota import lease_calls
from registration.store.upkeep import read_ledger, replay_dead_letters
from registration.store.waves import Joining
from registration.store.work import Delay, Outcome, load_work, record_outcomes
from tests.integration.test_waves import complete, do_the_test, planned
from tests.integration.test_workers import Bench, bench, eventually
from verify_workers.pool import serve

__all__ = ["bench"]  # the fixture

NEVER, STUDIES, LEFT, LEAVING, UNKNOWN, BROKEN = "0001", "9601", "9602", "9603", "9604", "9605"


async def calls(bench: Bench) -> int:
    """How often the registry of students was asked."""
    async with aiohttp.ClientSession() as session, session.get(f"{bench.outside.student_url}/calls") as response:
        total: int = (await response.json())["total"]
        return total


@contextlib.asynccontextmanager
async def both_workers(bench: Bench, **changes: object) -> AsyncIterator[None]:
    """One worker of each registry."""
    bench.settings = msgspec.structs.replace(bench.settings, student_url=bench.outside.student_url)
    async with bench.worker(Kind.NIK), bench.worker(Kind.STUDENT, **changes):
        yield


async def begun(bench: Bench, item: UUID) -> None:
    """Return once the check is there."""

    async def there() -> bool:
        row = await bench.database.fetch_row("select student_state from registrations where id = $1", item)
        return row is not None and row["student_state"] is not None

    await eventually(there)


async def settled(bench: Bench, *people: Applicant) -> Sequence[Check]:
    """Their checks, once both workers are through with them."""
    items = await bench.register(*people)
    found = []
    for item in items:
        await begun(bench, item)
        found.append(await bench.ended(item, Kind.STUDENT, State.VERIFIED, State.REJECTED, State.DELAYED))
    return found


async def test_each_answer_of_the_registry_becomes_what_it_means(bench: Bench) -> None:
    """Who studies is rejected with that reason; who left or never did passes; what is no answer delays."""
    async with both_workers(bench, retry_base_seconds=60.0):
        found = await settled(bench, *(bench.person(serial) for serial in (NEVER, STUDIES, LEFT, UNKNOWN, BROKEN)))
    assert [(check.state, check.reason) for check in found] == [
        (State.VERIFIED, None),
        (State.REJECTED, Reason.IS_STUDENT),
        (State.VERIFIED, None),
        (State.DELAYED, None),
        (State.DELAYED, None),
    ]
    assert await bench.dead_letters() == []
    assert (await read_ledger(bench.database)).balances


async def test_nobody_is_asked_about_before_the_nik_is_verified(bench: Bench) -> None:
    """A stranger's NIK costs no second call; and switching the check on takes up who was verified before."""
    async with bench.worker(Kind.NIK):
        before, rejected = await bench.register(bench.person(), bench.person("9001"))
        await bench.ended(before, Kind.NIK, State.VERIFIED)
        await bench.ended(rejected, Kind.NIK, State.REJECTED)
    ledger = await read_ledger(bench.database)
    assert (ledger.without[Kind.STUDENT], ledger.balances) == (2, True)
    async with both_workers(bench):
        await begun(bench, before)
        await bench.ended(before, Kind.STUDENT, State.VERIFIED)
    assert await calls(bench) == 1
    assert (await read_ledger(bench.database)).without[Kind.STUDENT] == 1


async def test_the_registry_of_students_has_a_ceiling_and_a_quota_of_its_own(bench: Bench) -> None:
    """Its quota holds back its own checks and nobody's NIK."""
    async with both_workers(bench, student_daily_quota=3):
        items = await bench.register(*(bench.person() for _ in range(8)))
        for item in items:
            await bench.ended(item, Kind.NIK, State.VERIFIED)

        async def three() -> bool:
            return await calls(bench) == 3

        await eventually(three)
    assert await calls(bench) == 3
    assert (await lease_calls(bench.database, Kind.STUDENT, quota=3, wanted=1)).calls == 0
    assert (await lease_calls(bench.database, Kind.NIK, quota=3, wanted=3)).calls == 3


async def test_a_worker_without_an_address_does_not_start(settings: Settings) -> None:
    """It would ask nobody for ever."""
    with pytest.raises(SettingsError, match="GELOMBANG_STUDENT_URL"):
        await serve(Kind.STUDENT, settings, stop=None)  # type: ignore[arg-type]  # it never comes to that


def answers(bench: Bench, ring: KeyRing, recheck_seconds: float) -> Answers:
    return Answers(
        recheck_seconds=recheck_seconds,
        database=bench.database,
        shortcut=Shortcut(bench.streams, Metrics()),
        challenges=Challenges(ring),
    )


async def test_who_left_school_asks_again_and_passes(bench: Bench, ring: KeyRing) -> None:
    """Not before the time is over, and nothing happens to a check that is not rejected."""
    async with both_workers(bench):
        (item,) = await bench.register(bench.person(LEAVING))
        await begun(bench, item)
        await bench.ended(item, Kind.STUDENT, State.REJECTED)
        with pytest.raises(Overloaded) as refused:
            await answers(bench, ring, 3_600.0).ask_whether_student(item)
        assert (refused.value.code, 3_500 < refused.value.retry_after_seconds <= 3_600) == ("recheck_limit", True)

        async def passes() -> bool:
            # Asked within two seconds, the worker still has its last answer.
            await answers(bench, ring, 0.0).ask_whether_student(item)
            return (await bench.check(item, Kind.STUDENT)).state is State.VERIFIED

        await eventually(passes)
        await answers(bench, ring, 0.0).ask_whether_student(item)
        assert (await bench.check(item, Kind.STUDENT)).state is State.VERIFIED
    assert await students.ask_again(bench.database, uuid4(), after_seconds=0.0) is None


async def test_the_kind_can_be_paused_and_its_dead_letters_are_kept(database: Database) -> None:
    """Like every other kind's."""
    (item,) = await complete(database, 1)
    await students.begin(database, 1)
    assert await pauses.pause(database, Kind.STUDENT, reason="maintenance", by="test")
    (work,) = await load_work(database, Kind.STUDENT, [item], verdict_keep_days=1.0)
    await record_outcomes(database, Kind.STUDENT, [Outcome(work, Delay("poison", None))], challenge_seconds=1.0)
    assert await replay_dead_letters(database, Kind.STUDENT, cause="poison", limit=10) == 1


@pytest.mark.parametrize("asked", [True, False])
async def test_the_check_is_shown_where_it_is_asked_for(settings: Settings, database: Database, asked: bool) -> None:  # noqa: FBT001 - a case
    """As waiting until its turn comes; and not at all elsewhere, whatever stands in the row."""
    (item,) = await complete(database, 1)
    told = msgspec.structs.replace(settings, student_url="http://127.0.0.1:9" if asked else "")
    statuses = Statuses(told, database)
    (before,) = await statuses._read([item])  # noqa: SLF001 - without the batch around it
    await database.fetch("update registrations set student_state = 'verified', student_updated_at = now()")
    (after,) = await statuses._read([item])  # noqa: SLF001
    assert before is not None
    assert after is not None
    states = [status.checks[Kind.STUDENT].state for status in (before, after) if Kind.STUDENT in status.checks]
    assert states == ([State.PENDING, State.VERIFIED] if asked else [])


async def test_test_and_wave_are_for_those_who_do_not_study(database: Database) -> None:
    """Where it is asked: who studies, or of whom it is not known, neither begins the test nor joins."""
    people = dict(zip(("passed", "studies", "unknown"), await complete(database, 3), strict=True))
    await database.fetch(
        "update registrations set student_state = 'verified', student_updated_at = now() where id = $1",
        people["passed"],
    )
    await database.fetch(
        "update registrations set student_state = 'rejected', student_reason = 'is_student', student_updated_at = now()"
        " where id = $1",
        people["studies"],
    )
    await planned(database)
    begins = {
        name: await assessments.start(database, item, bank_version=1, minutes=25, asks_students=True) is not None
        for name, item in people.items()
    }
    progress = {name: await read_progress(database, item, asks_students=True) for name, item in people.items()}
    await database.fetch("delete from assessments")
    await do_the_test(database, list(people.values()), 1)
    tickets = [uuid4() for _ in people]
    joined = await waves.join(database, 1, list(people.values()), tickets, asks_students=True)

    assert begins == {"passed": True, "studies": False, "unknown": False}
    assert {name: found is not None and found.complete for name, found in progress.items()} == begins
    assert joined == [Joining.JOINED, Joining.INCOMPLETE, Joining.INCOMPLETE]
    assert (await read_account(database, asks_students=True, timeout_seconds=10.0)).complete == 1
    assert (await read_account(database, asks_students=False, timeout_seconds=10.0)).complete == 3


async def test_each_is_begun_once_and_the_longest_registered_first(database: Database) -> None:
    """So many at a time, whatever looks at once."""
    ids = await complete(database, 5)
    await database.fetch("update registrations set received_at = now() - interval '1 hour' where id = $1", ids[3])
    assert await students.begin(database, 1) == 1
    (first,) = await database.fetch("select id from registrations where student_state is not null")
    assert first["id"] == ids[3]
    assert await students.begin(database, 10) == 4
    assert await students.begin(database, 10) == 0
