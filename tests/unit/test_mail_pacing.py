"""A domain that is slow or says "later" holds up nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from registration.errors import Retryable
from verify_workers.mail.pacing import Pacing

TURNS = 2


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock: Clock) -> Pacing:
    return Pacing(turns=TURNS, rest_seconds=lambda deferrals: 10.0 * 2 ** (deferrals - 1), monotonic=clock)


async def cause(pacing: Pacing, name: str) -> tuple[str, float | None] | None:
    """Why a mail to the domain may not go now."""
    try:
        async with pacing.turn(name):
            return None
    except Retryable as error:
        return error.cause, error.retry_after_seconds


@contextlib.asynccontextmanager
async def hanging(pacing: Pacing, name: str, count: int) -> AsyncIterator[None]:
    """So many mails to the domain that do not end."""
    end = asyncio.Event()

    async def mail() -> None:
        async with pacing.turn(name):
            await end.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(mail())
        await asyncio.sleep(0)
        yield
        end.set()


async def test_a_domain_has_so_many_turns_and_others_have_theirs(pacing: Pacing) -> None:
    """A mail more waits; one to another domain goes at once."""
    async with hanging(pacing, "slow.example", TURNS):
        waiting = asyncio.create_task(cause(pacing, "slow.example"))
        assert await cause(pacing, "other.example") is None
        assert not waiting.done()
    assert await waiting is None


async def test_a_healthy_domain_may_wait_in_any_number(pacing: Pacing) -> None:
    """Most people have their mail with few providers."""
    async with hanging(pacing, "large.example", TURNS + 500):
        pass


async def test_few_wait_for_a_domain_that_hangs(pacing: Pacing, clock: Clock) -> None:
    """The others go back to PostgreSQL, so a worker's hands stay free."""
    async with hanging(pacing, "slow.example", TURNS + 8):
        clock.now += 3.0
        assert await cause(pacing, "slow.example") == ("mail_domain_busy", 2.0)
        assert await cause(pacing, "other.example") is None


async def test_a_domain_that_defers_again_and_again_rests_for_growing_waits(pacing: Pacing, clock: Clock) -> None:
    """Two in a row may be chance; the third is the domain's wish. Others go on."""
    pacing.deferred("later.example")
    pacing.deferred("later.example")
    assert await cause(pacing, "later.example") is None
    for wait in (10.0, 20.0, 40.0):
        pacing.deferred("later.example")
        assert await cause(pacing, "later.example") == ("mail_domain_rests", wait)
        assert await cause(pacing, "other.example") is None
        clock.now += wait
        assert await cause(pacing, "later.example") is None


async def test_after_its_rest_a_domain_is_tried_with_one_mail(pacing: Pacing, clock: Clock) -> None:
    """Until it takes one; then everything is as before."""
    for _ in range(3):
        pacing.deferred("later.example")
    clock.now += 10.0
    async with hanging(pacing, "later.example", 1):
        found = await cause(pacing, "later.example")
        assert found is not None
        assert found[0] == "mail_domain_rests"
        pacing.took("later.example")
        assert await cause(pacing, "later.example") is None


async def test_a_mail_that_waited_while_the_domain_began_to_rest_goes_back(pacing: Pacing) -> None:
    """Its turn has come too late."""
    async with hanging(pacing, "later.example", TURNS):
        waiting = asyncio.create_task(cause(pacing, "later.example"))
        await asyncio.sleep(0)
        for _ in range(3):
            pacing.deferred("later.example")
    found = await waiting
    assert found is not None
    assert found[0] == "mail_domain_rests"


async def test_what_is_remembered_is_bounded(pacing: Pacing) -> None:
    """Domains that owe nothing are forgotten, those that rest are not."""
    for _ in range(3):
        pacing.deferred("later.example")
    for number in range(10_100):
        assert await cause(pacing, f"d{number}.example") is None

    assert len(pacing._domains) <= 10_000  # noqa: SLF001 - what this is about
    found = await cause(pacing, "later.example")
    assert found is not None
