"""The outbox never makes anyone wait who puts something in."""

import asyncio

from registration.outbox import Outbox


async def test_what_was_put_in_is_taken_in_batches_in_order() -> None:
    """The oldest first, as many as were asked for at most."""
    outbox: Outbox[int] = Outbox(10)
    assert outbox.put([1, 2, 3]) == 0
    assert await outbox.take(2) == [1, 2]
    assert await outbox.take(2) == [3]
    assert len(outbox) == 0


async def test_what_finds_no_room_is_told() -> None:
    """And what was there stays."""
    outbox: Outbox[int] = Outbox(3)
    assert outbox.put([1, 2]) == 0
    assert outbox.put([3, 4, 5]) == 2
    assert outbox.put([6]) == 1
    assert await outbox.take(10) == [1, 2, 3]


async def test_taking_waits_until_there_is_something() -> None:
    """Whoever passes things on sleeps meanwhile."""
    outbox: Outbox[int] = Outbox(3)
    taking = asyncio.create_task(outbox.take(5))
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put([])
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put([7])
    assert await taking == [7]
