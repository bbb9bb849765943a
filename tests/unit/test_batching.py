"""Group commit: batches grow with load, everyone gets their own result, and nobody is left waiting."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from registration.batching import GroupCommit
from registration.errors import Overloaded


class HeldCommit:
    """A commit that notes its batches and lasts until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.go = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def __call__(self, batch: Sequence[int]) -> Sequence[int]:
        """Each item's double."""
        self.batches.append(list(batch))
        self.begun.release()
        await self.go.acquire()
        if self.error is not None:
            raise self.error
        return [2 * item for item in batch]


def group(commit: HeldCommit, *, batch_limit: int = 512, queue_limit: int = 1_000) -> GroupCommit[int, int]:
    return GroupCommit(commit, batch_limit=batch_limit, queue_limit=queue_limit, retry_after_seconds=3.0)


@asynccontextmanager
async def running(made: GroupCommit[int, int], writers: int = 1) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Writers under way, ended at the end."""
    tasks = [asyncio.create_task(made.run()) for _ in range(writers)]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_batch_grows_with_what_arrives_during_the_commit() -> None:
    """An idle system commits one item at once; a busy one whatever has queued up."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made):
        first = made.submit(0)
        await commit.begun.acquire()
        rest = [made.submit(item) for item in range(1, 101)]
        assert len(made) == 100
        commit.go.release()
        await commit.begun.acquire()
        commit.go.release()

        assert [2 * item for item in range(101)] == await asyncio.gather(first, *rest)
    assert [[0], list(range(1, 101))] == commit.batches


async def test_in_a_rush_those_who_were_just_answered_go_with_the_next_commit() -> None:
    """Clients that ask again as soon as they are answered share each commit, though none waits when it could begin."""
    commit = HeldCommit()
    made = group(commit)

    async def client(item: int) -> None:
        for number in range(3):
            for _ in range(item % 4):  # turns of the loop, as a request's way through the kernel takes some
                await asyncio.sleep(0)
            await made.submit(10 * item + number)

    clients = asyncio.gather(*(client(item) for item in range(8)))
    async with running(made):
        for _ in range(50):
            commit.go.release()
        await clients
    assert [len(batch) for batch in commit.batches][1:3] == [8, 8]


async def test_a_lone_item_is_committed_at_once() -> None:
    """Without a rush before it, there is no turn of the loop between the writer's waking and the commit."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made):
        for item in range(3):
            future = made.submit(item)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert commit.batches[-1] == [item]
            commit.go.release()
            await future


async def test_a_writer_that_gathered_while_another_took_all_waits_again() -> None:
    """Two writers, one queue: an empty batch is no commit."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made, writers=2):
        for item in range(4):
            for _ in range(8):
                commit.go.release()
            await asyncio.gather(*(made.submit(item) for _ in range(5)))
    assert [len(batch) for batch in commit.batches] == [5] * 4


async def test_a_newcomers_wait_is_foretold_from_what_is_ahead_and_the_pace_of_commits() -> None:
    """Commits of 1 s and two at a time: five in the queue are two full batches, so 2 s; nobody has waited at all."""
    now = 0.0

    async def commit(batch: Sequence[int]) -> Sequence[int]:
        nonlocal now
        now += 1.0
        return batch

    made = GroupCommit(commit, batch_limit=2, queue_limit=100, clock=lambda: now)
    assert made.expected_wait_seconds == 0.0
    for item in range(30):  # the average comes near within a few commits
        made.submit(item)
        await made.run_once()
    for item in range(5):
        made.submit(item)
    assert made.expected_wait_seconds == pytest.approx(2.0, rel=0.01)


async def test_a_commit_that_hangs_is_noticed_by_the_wait_of_the_first_in_the_queue() -> None:
    """Whatever the commits before it took; and a queue that is empty again lets in."""
    now = 0.0
    held = HeldCommit()
    made = GroupCommit(held, batch_limit=100, queue_limit=100, clock=lambda: now)
    async with running(made):
        first = made.submit(1)
        await held.begun.acquire()
        second = made.submit(2)
        now = 7.0
        assert made.expected_wait_seconds == 7.0
        held.go.release()
        held.go.release()
        await asyncio.gather(first, second)
        assert made.expected_wait_seconds == 0.0


async def test_a_batch_has_a_limit() -> None:
    """What does not fit waits for the next commit, in order."""
    commit = HeldCommit()
    made = group(commit, batch_limit=3)
    futures = [made.submit(item) for item in range(7)]
    async with running(made):
        for _ in range(3):
            commit.go.release()
        await asyncio.gather(*futures)

    assert commit.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_nobody_is_answered_before_the_commit_has_returned() -> None:
    """202 means committed."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made):
        future = made.submit(1)
        await commit.begun.acquire()
        assert not future.done()
        commit.go.release()

        assert await future == 2


async def test_two_writers_have_two_commits_under_way() -> None:
    """A slow commit does not hold up the next batch."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made, writers=2):
        slow = made.submit(1)
        await commit.begun.acquire()
        quick = made.submit(2)
        await commit.begun.acquire()
        assert commit.batches == [[1], [2]]
        commit.go.release()
        commit.go.release()

        assert [await slow, await quick] == [2, 4]


async def test_an_error_reaches_all_of_its_batch_and_the_next_runs() -> None:
    """Everyone in the batch learns that the outcome is unknown; the loop goes on."""
    commit = HeldCommit()
    commit.error = ConnectionError()
    made = group(commit)
    futures = [made.submit(item) for item in range(5)]
    async with running(made):
        commit.go.release()
        errors = await asyncio.gather(*futures, return_exceptions=True)
        commit.error = None
        commit.go.release()

        assert await made.submit(9) == 18
    assert [ConnectionError] * 5 == [type(error) for error in errors]


async def test_a_full_queue_refuses_at_once_with_a_delay() -> None:
    """Nothing is taken in that would only wait; after a commit there is room again."""
    commit = HeldCommit()
    made = group(commit, queue_limit=2)
    waiting = [made.submit(1), made.submit(2)]
    with pytest.raises(Overloaded) as caught:
        made.submit(3)
    commit.go.release()
    await made.run_once()
    waiting.append(made.submit(4))
    commit.go.release()
    await made.run_once()

    assert (caught.value.code, caught.value.retry_after_seconds) == ("overloaded", 3.0)
    assert await asyncio.gather(*waiting) == [2, 4, 8]


async def test_a_submitter_that_gives_up_disturbs_nobody() -> None:
    """Its item is committed with the others, who get their own results."""
    commit = HeldCommit()
    made = group(commit)
    futures = [made.submit(item) for item in range(4)]
    futures[1].cancel()
    async with running(made):
        await commit.begun.acquire()
        futures[2].cancel()
        commit.go.release()

        assert [await futures[0], await futures[3]] == [0, 6]
    assert commit.batches == [[0, 1, 2, 3]]


async def test_a_submitter_that_gives_up_is_not_told_of_an_error() -> None:
    """A failed batch with a cancelled item in it does not break the loop."""
    commit = HeldCommit()
    commit.error = ConnectionError()
    made = group(commit)
    gone, waiting = made.submit(1), made.submit(2)
    gone.cancel()
    commit.go.release()
    await made.run_once()

    with pytest.raises(ConnectionError):
        await waiting


async def test_ending_the_writer_ends_those_who_wait_for_its_commit() -> None:
    """A stopping process leaves nobody hanging on a commit that will not come back."""
    commit = HeldCommit()
    made = group(commit)
    async with running(made) as tasks:
        futures = [made.submit(item) for item in range(3)]
        await commit.begun.acquire()
        tasks[0].cancel()
        await asyncio.wait(futures)

    assert all(future.cancelled() for future in futures)


async def test_a_commit_with_too_few_results_fails_its_whole_batch() -> None:
    """Even a bug in the commit leaves nobody waiting for ever."""

    async def forgetful(batch: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return batch[1:]

    made = GroupCommit[int, int](forgetful, batch_limit=8, queue_limit=8)
    futures = [made.submit(item) for item in range(3)]
    await made.run_once()
    errors = await asyncio.gather(*futures, return_exceptions=True)

    assert [ValueError] * 3 == [type(error) for error in errors]


async def test_each_commit_is_observed() -> None:
    """Size and waiting time of a batch are what the metrics show."""
    seen: list[tuple[int, float]] = []
    commit = HeldCommit()
    made = GroupCommit[int, int](
        commit, batch_limit=8, queue_limit=8, observe=lambda size, waited: seen.append((size, waited))
    )
    futures = [made.submit(item) for item in range(3)]
    commit.go.release()
    await made.run_once()
    await asyncio.gather(*futures)

    ((size, waited),) = seen
    assert size == 3
    assert waited >= 0
