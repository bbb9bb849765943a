"""The gate before the registry, with a clock held still: who passes, who waits, who goes back."""

import asyncio
import math

import pytest

from registration.errors import Postponed, Retryable
from verify_workers.ministry.ceiling import LATE_SECONDS
from verify_workers.ministry.gate import PATIENCE_SECONDS, Gate

SPACING = 0.05


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gate(clock: Clock) -> Gate:
    """A gate with a lease on two slots for a second, after which one is left, and with plenty of times."""
    made = Gate(static_slots=1, static_spacing_seconds=0.001, clock=clock)
    lease(made, clock, 2)
    return made


def lease(gate: Gate, clock: Clock, slots: int) -> None:
    gate.add_starts(asked_at=clock.now, answered_at=clock.now, offset=-0.01, spacing=1e-6, count=1_000)
    gate.lease(slots=slots, until=clock.now + 1, static_until=clock.now + 60, most_ahead=math.inf)


async def start(gate: Gate) -> asyncio.Task[float]:
    """Somebody who wants to pass, as far as they come."""
    task = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    return task


async def test_as_many_pass_as_there_are_slots_and_one_more_for_each_that_leaves(gate: Gate) -> None:
    """First come, first served."""
    first, second, third, fourth = [await start(gate) for _ in range(4)]
    assert (first.done(), second.done(), third.done()) == (True, True, False)
    gate.leave()
    await third
    assert not fourth.done()
    gate.leave()
    await fourth


async def test_without_renewal_only_the_static_share_is_left(gate: Gate, clock: Clock) -> None:
    """And not even that once another may have the place."""
    assert gate.allowed() == 2
    clock.now += 1
    assert gate.allowed() == 1
    clock.now += 59
    assert gate.allowed() == 0


async def test_a_smaller_share_ends_no_call_and_starts_none(gate: Gate, clock: Clock) -> None:
    """What is under way counts against the new share."""
    await gate.enter()
    await gate.enter()
    lease(gate, clock, 1)
    gate.leave()
    waiting = await start(gate)
    assert not waiting.done()
    gate.leave()
    await waiting


async def test_what_cannot_be_called_is_not_fetched(gate: Gate, clock: Clock) -> None:
    """Room is what can be called soon; none when shut, held, or at the end of the quota."""
    assert gate.room(0) == 4
    gate.pause(True)  # noqa: FBT003 - a state
    assert gate.room(0) == 0
    gate.pause(False)  # noqa: FBT003 - a state
    gate.hold(5.0)
    assert gate.room(0) == 0
    clock.now += 5
    lease(gate, clock, 2)
    assert gate.room(0) == 4
    gate.set_calls(0, until=math.inf)
    assert gate.room(0) == 0


async def test_entries_come_in_batches(gate: Gate) -> None:
    """Nothing is fetched while half of what can be called soon is on its way."""
    assert [gate.room(coming) for coming in range(5)] == [4, 3, 2, 0, 0]


async def test_with_one_slot_the_next_entry_is_fetched_while_the_first_is_called(gate: Gate, clock: Clock) -> None:
    """A slot that comes free finds somebody waiting, not a worker that goes to fetch."""
    lease(gate, clock, 1)
    await gate.enter()
    assert gate.room(0) == 2
    waiting = await start(gate)
    assert gate.room(0) == 1
    gate.leave()
    await waiting


async def test_who_waits_when_the_gate_is_shut_goes_back_uncharged(gate: Gate) -> None:
    """A pause tries nothing and fails nothing."""
    await gate.enter()
    await gate.enter()
    waiting = await start(gate)
    gate.pause(True)  # noqa: FBT003 - a state
    with pytest.raises(Postponed):
        await waiting
    with pytest.raises(Postponed):
        await gate.enter()


async def test_who_has_waited_too_long_goes_back(gate: Gate, clock: Clock) -> None:
    """The others stay."""
    await gate.enter()
    await gate.enter()
    early = await start(gate)
    clock.now += PATIENCE_SECONDS
    late = await start(gate)
    gate.send_back_the_impatient()
    with pytest.raises(Postponed):
        await early
    assert not late.done()
    late.cancel()


async def test_cancelling_who_waits_or_has_just_been_let_in_loses_no_slot(gate: Gate) -> None:
    """In the end all slots are free."""
    await gate.enter()
    await gate.enter()
    waiting, chosen = await start(gate), await start(gate)
    waiting.cancel()
    gate.leave()  # the turn goes to the first who still waits
    await asyncio.sleep(0)
    gate.leave()
    chosen.cancel()
    await asyncio.gather(waiting, chosen, return_exceptions=True)
    assert gate.in_flight == (1 if not chosen.cancelled() else 0)


async def test_a_call_of_the_quota_is_used_by_each_who_passes(gate: Gate, clock: Clock) -> None:
    """And what was left over ends with its day."""
    gate.set_calls(2, until=clock.now + 10)
    await gate.enter()
    assert gate.calls_left == 1
    clock.now += 10
    assert gate.calls_left == 0


async def test_calls_whose_connections_open_late_and_all_at_once_pass_the_gate_again(clock: Clock) -> None:
    """The registry counts when they are written: never more in a second than there were times in it."""
    gate = Gate(static_slots=0, static_spacing_seconds=0.0, clock=clock)
    gate.add_starts(asked_at=clock.now, answered_at=clock.now, offset=0.0, spacing=SPACING, count=1_000)
    connected = asyncio.Event()
    written: list[float] = []

    async def call() -> None:
        while True:
            async with gate.slot(b"identity", failures=0) as slot:
                await connected.wait()
                if slot.in_time():
                    written.append(clock.now)
                    return

    async with asyncio.TaskGroup() as tasks:
        for _ in range(40):
            tasks.create_task(call())
        began = clock.now
        while len(written) < 40:
            await asyncio.sleep(0)
            clock.now += SPACING / 2
            gate.lease(slots=40, until=clock.now + 1, static_until=clock.now, most_ahead=math.inf)
            if clock.now > began + 0.5:
                connected.set()
    assert min(written) >= began + 0.5
    for moment in written:
        inside = sum(moment <= other < moment + 1 - LATE_SECONDS for other in written)
        assert inside <= 1 / SPACING


async def test_what_comes_back_is_seen_by_its_cause(gate: Gate) -> None:
    """Answers with their latency, trouble by kind, and the longest delay that was asked for."""
    async with gate.slot(b"identity", failures=0):
        pass
    for cause, delay in (("ministry_busy", 7.0), ("ministry_timeout", None), ("ministry_error", None)):
        with pytest.raises(Retryable):
            async with gate.slot(b"identity", failures=0):
                raise Retryable(cause, delay)
    sight = gate.observed.take()
    assert sight is not None
    assert (sight.answered, len(sight.latencies)) == (1, 1)
    assert sight.failures == {"ministry_busy": 1, "ministry_timeout": 1, "ministry_error": 1}
    assert (gate.observed.take_delay(), gate.observed.take_delay()) == (7.0, 0.0)
    assert gate.observed.take() is None


async def test_the_slot_of_a_probe_that_failed_stays_empty_for_a_moment(gate: Gate, clock: Clock) -> None:
    """Nobody follows it before the pool can have heard of it; after an answer somebody does at once."""
    gate.lease(slots=1, until=clock.now + 1, static_until=clock.now, most_ahead=math.inf, rest_seconds=0.01)
    async with gate.slot(b"identity", failures=0):
        pass
    assert gate.in_flight == 0
    with pytest.raises(Retryable):
        async with gate.slot(b"identity", failures=0):
            raise Retryable("ministry_error")
    following = await start(gate)
    assert not following.done()
    await following
    assert gate.in_flight == 1


async def test_who_fails_again_and_again_says_nothing_of_the_registry(gate: Gate) -> None:
    """Nor of the day's quota; but a 429 counts whoever was asked about, and so does an answer."""
    for cause in ("ministry_timeout", "ministry_quota", "ministry_busy"):
        with pytest.raises(Retryable):
            async with gate.slot(b"identity", failures=2):
                raise Retryable(cause, 7.0)
    async with gate.slot(b"identity", failures=2):
        pass
    sight = gate.observed.take()
    assert sight is not None
    assert (sight.answered, sight.failures, sight.quota) == (1, {"ministry_busy": 1}, frozenset())
    assert gate.observed.take_delay() == 7.0
