"""The front door's writes: one row per key, the first answer for ever, and a pool that outlives its database."""

import asyncio
import contextlib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from gelombang import embedded
from registration.checks import FROM_THE_START, State
from registration.errors import Retryable
from registration.store.database import Database, NotDurableError, Row
from registration.store.intake import Accepted, Registration, accept, find_accepted, read_status

DEADLINE_SECONDS = 60
POOL_SIZE = 20  # of the `database` fixture
CANCELLATIONS = int(os.environ.get("CANCELLATIONS", "1000"))  # the whole of I12: CANCELLATIONS=10000


def registration() -> Registration:
    return Registration(
        id=uuid4(),
        content_digest=os.urandom(16),
        nik_digest=os.urandom(16),
        identity_digest=os.urandom(16),
        sealed=os.urandom(64),
    )


async def count_rows(database: Database) -> int:
    (row,) = await database.fetch("select count(*) from registrations")
    return int(row["count"])


# Accepting


async def test_a_batch_is_answered_in_its_own_order(database: Database) -> None:
    """Each submitter gets the answer to its own registration."""
    batch = [registration() for _ in range(50)]
    accepted = await accept(database, batch)

    assert [(item.id, item.content_digest, True) for item in batch] == [
        (answer.id, answer.content_digest, answer.is_new) for answer in accepted
    ]
    assert await count_rows(database) == 50


async def test_a_hundred_identical_posts_at_once_make_one_row(database: Database) -> None:
    """One is new, and all hear the same time (I3)."""
    item = registration()
    answers = [answer for (answer,) in await asyncio.gather(*(accept(database, [item]) for _ in range(100)))]

    assert await count_rows(database) == 1
    assert sum(answer.is_new for answer in answers) == 1
    assert len({answer.received_at for answer in answers}) == 1
    assert {item.content_digest} == {answer.content_digest for answer in answers}


async def test_a_replay_returns_what_was_stored_first(database: Database) -> None:
    """Also with other content: the caller sees by the digest that the key was used before."""
    item = registration()
    (first,) = await accept(database, [item])
    other = msgspec.structs.replace(item, content_digest=os.urandom(16), sealed=b"other")
    new = registration()
    replayed, fresh = await accept(database, [other, new])

    assert Accepted(item.id, first.received_at, item.content_digest, is_new=False) == replayed
    assert (fresh.id, fresh.is_new) == (new.id, True)
    (row,) = await database.fetch("select sealed from registrations where id = $1", item.id)
    assert row["sealed"] == item.sealed


async def test_overlapping_batches_in_any_order_never_deadlock(database: Database) -> None:
    """Clients retry in the middle of a burst, so the same keys are in several batches at once."""
    items = [registration() for _ in range(60)]
    chance = random.Random(11)  # noqa: S311 - a fixed shuffle
    batches = [chance.sample(items, k=40) for _ in range(60)]
    answers = await asyncio.gather(*(accept(database, batch) for batch in batches))

    taken = {item.id for batch in batches for item in batch}
    assert await count_rows(database) == len(taken)
    assert sorted(taken) == sorted(answer.id for part in answers for answer in part if answer.is_new)
    times: dict[UUID, set[object]] = {}
    for answer in (answer for part in answers for answer in part):
        times.setdefault(answer.id, set()).add(answer.received_at)
    assert {1} == {len(found) for found in times.values()}


async def test_only_what_is_there_is_found(database: Database) -> None:
    """After an unknown outcome the retry finds out by key."""
    item = registration()
    await accept(database, [item])
    found = await find_accepted(database, [uuid4(), item.id, uuid4()])

    assert [(item.id, item.content_digest, False)] == [(f.id, f.content_digest, f.is_new) for f in found]


async def test_a_new_registration_has_three_pending_checks(database: Database) -> None:
    """The status page has something to say from the first moment."""
    item = registration()
    (answer,) = await accept(database, [item])
    status = await read_status(database, item.id)

    assert status is not None
    assert status.received_at == answer.received_at
    assert dict.fromkeys(FROM_THE_START, (State.PENDING, None)) == {
        kind: (check.state, check.reason) for kind, check in status.checks.items()
    }


async def test_an_unknown_registration_has_no_status(database: Database) -> None:
    """None, not an error: a handle can be genuine after its row was erased."""
    assert await read_status(database, uuid4()) is None


# The pool


async def sessions(database: Database) -> int:
    """How many connections the server counts for this pool."""
    (row,) = await database.fetch(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'gelombang test'"
    )
    return int(row["count"])


async def use_every_connection(database: Database) -> None:
    """End only if the whole pool is free: everyone holds a connection until the last has one."""
    barrier = asyncio.Barrier(POOL_SIZE)

    async def hold() -> None:
        async with database.transaction() as connection:
            await connection.fetch("select 1")
            await barrier.wait()

    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        for _ in range(POOL_SIZE):
            group.create_task(hold())


async def run_and_cancel(database: Database, chance: random.Random) -> Sequence[BaseException | object]:
    """As many calls as twice the pool, each cancelled at some moment of its life."""
    tasks: list[asyncio.Task[object]] = []
    for _ in range(POOL_SIZE):
        tasks.append(asyncio.create_task(database.fetch("select pg_sleep($1)", chance.random() / 100)))
        tasks.append(asyncio.create_task(accept(database, [registration()])))
    await asyncio.sleep(chance.random() / 100)
    chance.shuffle(tasks)
    for task in tasks:
        task.cancel()
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_cancellation_is_never_swallowed(database: Database) -> None:
    """Whenever it comes: a loop whose cancellation got lost would never end."""
    await use_every_connection(database)
    for steps in range(30):
        task = asyncio.create_task(accept(database, [registration()]))
        for _ in range(steps):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), f"after {steps} steps"


async def test_cancelled_calls_leave_the_pool_whole(database: Database) -> None:
    """I12: after a thousand cancellations every connection is free, and the server counts no more sessions."""
    chance = random.Random(12)  # noqa: S311 - a fixed fuzz
    await use_every_connection(database)
    cancelled = 0
    while cancelled < CANCELLATIONS:
        ended = await run_and_cancel(database, chance)
        cancelled += sum(isinstance(result, asyncio.CancelledError) for result in ended)

    await use_every_connection(database)
    assert await sessions(database) == POOL_SIZE


async def answered(database: Database, sql: str) -> Sequence[Row]:
    """The rows of a statement, asked again until the server answers and there are some."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            with contextlib.suppress(Retryable):
                rows = await database.fetch(sql)
                if rows:
                    return rows
            await asyncio.sleep(0.02)


async def test_a_killed_database_is_retryable_and_the_pool_recovers(
    database: Database, servers: embedded.Servers
) -> None:
    """Nobody sees another error, and the same pool works again once the server does."""
    item = registration()
    (first,) = await accept(database, [item])
    await use_every_connection(database)
    servers.postgres.kill()
    try:
        for _ in range(3):
            with pytest.raises(Retryable):
                await accept(database, [registration()])
    finally:
        servers.postgres.start()

    await answered(database, "select 1")
    (replayed,) = await accept(database, [item])
    assert (first.received_at, False) == (replayed.received_at, replayed.is_new)
    await use_every_connection(database)


async def test_a_database_that_dies_under_a_statement_is_retryable(
    database: Database, servers: embedded.Servers
) -> None:
    """The outcome is unknown; what was committed before is there afterwards."""
    items = [registration() for _ in range(5)]
    await accept(database, items)
    waiting = asyncio.create_task(database.fetch("select pg_sleep(600)"))
    await answered(
        database, "select 1 from pg_stat_activity where query = 'select pg_sleep(600)' and wait_event = 'PgSleep'"
    )
    servers.postgres.kill()
    try:
        with pytest.raises(Retryable):
            await waiting
    finally:
        servers.postgres.start()

    (row,) = await answered(database, "select count(*) from registrations")
    assert row["count"] == 5


async def test_a_time_out_costs_only_its_own_connection(database_url: str) -> None:
    """Under load statements time out; making every connection anew then would add to the load."""
    database = await Database.connect(database_url, pool_size=3, timeout_seconds=2.0, name="slow")
    barrier = asyncio.Barrier(3)

    async def own_pid() -> int:
        async with database.transaction() as connection:
            (row,) = await connection.fetch("select pg_backend_pid() as pid")
            await barrier.wait()
        return int(row["pid"])

    before = set(await asyncio.gather(*(own_pid() for _ in range(3))))
    with pytest.raises(Retryable) as caught:
        await database.fetch("select pg_sleep(600)")
    after = set(await asyncio.gather(*(own_pid() for _ in range(3))))
    await database.close()

    assert caught.value.cause == "database_timeout"
    assert len(before & after) >= 2


async def test_a_server_that_is_away_is_retryable_at_start(tmp_path: Path) -> None:
    """A process that starts before its database says so in one word, and is started again."""
    with pytest.raises(Retryable, match="database_unreachable"):
        await Database.connect(
            f"postgresql://nobody@/nothing?host={tmp_path}", pool_size=1, timeout_seconds=5.0, name="test"
        )


async def test_a_bug_in_sql_is_no_retryable_failure(database: Database) -> None:
    """Trying again would not help, so it passes as what it is."""
    with pytest.raises(Exception, match="syntax error") as caught:
        await database.fetch("select 1 where")
    assert not isinstance(caught.value, Retryable)


async def test_a_transaction_is_whole_or_nothing(database: Database) -> None:
    """An error in the middle undoes what came before it."""
    item = registration()
    await accept(database, [item])

    async def fail_in_the_middle() -> None:
        async with database.transaction() as connection:
            await connection.fetch("delete from registrations")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_in_the_middle()

    assert await count_rows(database) == 1


# Durability


@pytest.mark.parametrize(
    ("value", "durable"),
    [("on", True), ("remote_apply", True), ("off", False), ("local", False), ("remote_write", False)],
)
async def test_a_server_that_could_forget_commits_is_refused(
    database: Database, database_url: str, value: str, *, durable: bool
) -> None:
    """202 means committed: without synchronous commits the process does not start."""
    (row,) = await database.fetch("select current_database() as name")
    await database.fetch(f"alter database {row['name']} set synchronous_commit = {value}")
    opened = await Database.connect(database_url, pool_size=1, timeout_seconds=20.0, name="test")
    try:
        if durable:
            await opened.assert_durable()
        else:
            with pytest.raises(NotDurableError):
                await opened.assert_durable()
    finally:
        await opened.close()
