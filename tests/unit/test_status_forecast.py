"""A forecast says what was seen, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest import wording
from ingest.forecast import Forecast
from registration.checks import Kind
from registration.store.database import Database
from registration.streams.streams import Streams

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Queue(Database):
    """The front of both queues as a test sets it."""

    def __init__(self) -> None:
        self.front: datetime | None = None
        self.delayed = 0

    async def fetch(self, _sql: str, *_arguments: object) -> list[dict[str, Any]]:
        """What the store reads."""
        return [{"front": self.front, "looked_at": 200, "delayed": self.delayed}]


class Tally(Streams):
    """What the workers have recorded, as a test sets it."""

    def __init__(self) -> None:
        self.per_second = 8.3

    async def tally(self, _kind: Kind, _verdicts: int = 0) -> float:
        """Verdicts per second of the last minute."""
        return self.per_second


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now.timestamp()


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def forecast(queue: Queue, tally: Tally, clock: Clock) -> Forecast:
    return Forecast(queue, tally, clock)


async def look(forecast: Forecast, queue: Queue, clock: Clock, *, minutes: float, front_minutes: float) -> None:
    """Look once, so long after noon, with the front at so many minutes before noon (negative) or after."""
    clock.now = NOON + timedelta(minutes=minutes)
    queue.front = NOON + timedelta(minutes=front_minutes)
    await forecast.run_once()


async def test_the_wait_follows_from_how_fast_the_front_moves(forecast: Forecast, queue: Queue, clock: Clock) -> None:
    """The front moved 2 minutes in 4: who came 30 minutes behind it waits an hour."""
    await look(forecast, queue, clock, minutes=0, front_minutes=-40)
    await look(forecast, queue, clock, minutes=4, front_minutes=-38)
    assert forecast.seconds_left(NOON - timedelta(minutes=8), goes_first=False) == pytest.approx(3_600)


async def test_nothing_is_said_before_anything_was_seen(forecast: Forecast, queue: Queue, clock: Clock) -> None:
    """Not at the start, and not from one look at a long queue."""
    assert forecast.seconds_left(NOON, goes_first=False) is None
    await look(forecast, queue, clock, minutes=0, front_minutes=-40)
    assert forecast.seconds_left(NOON, goes_first=False) is None


async def test_nothing_is_said_while_the_front_stands_still(forecast: Forecast, queue: Queue, clock: Clock) -> None:
    """Workers are away, or the registry is: nobody knows how long."""
    for minutes in range(5):
        await look(forecast, queue, clock, minutes=minutes, front_minutes=-40)
    assert forecast.seconds_left(NOON, goes_first=False) is None


async def test_nothing_is_said_while_trouble_delays_checks(forecast: Forecast, queue: Queue, clock: Clock) -> None:
    """A front that moves since checks are put off is no progress."""
    await look(forecast, queue, clock, minutes=0, front_minutes=-40)
    queue.delayed = 100
    await look(forecast, queue, clock, minutes=4, front_minutes=-20)
    assert forecast.seconds_left(NOON, goes_first=False) is None


async def test_nothing_is_said_without_a_verdict_in_the_last_minute(
    forecast: Forecast, queue: Queue, clock: Clock, tally: Tally
) -> None:
    """Whatever the front does, the workers' own count decides whether there is progress."""
    tally.per_second = 0.0
    await look(forecast, queue, clock, minutes=0, front_minutes=-40)
    await look(forecast, queue, clock, minutes=4, front_minutes=-38)
    assert forecast.seconds_left(NOON, goes_first=False) is None


async def test_nothing_is_said_from_old_looks(forecast: Forecast, queue: Queue, clock: Clock) -> None:
    """PostgreSQL is away, so what was seen ages."""
    await look(forecast, queue, clock, minutes=0, front_minutes=-40)
    await look(forecast, queue, clock, minutes=4, front_minutes=-38)
    clock.now += timedelta(minutes=2)
    assert forecast.seconds_left(NOON, goes_first=False) is None


async def test_where_nobody_waits_it_is_done_soon(forecast: Forecast, clock: Clock) -> None:
    """An empty queue needs no second look."""
    await forecast.run_once()
    seconds = forecast.seconds_left(clock.now - timedelta(seconds=1), goes_first=True)
    assert seconds is not None
    assert wording.forecast(seconds, "id") == "Biasanya selesai dalam beberapa menit."


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (1, "beberapa menit"),
        (16, "20 menit"),
        (20, "20 menit"),
        (31, "45 menit"),
        (90, "90 menit"),
        (91, "2 jam"),
        (870, "15 jam"),
    ],
)
def test_a_forecast_is_rounded_up_to_what_people_say(minutes: int, said: str) -> None:
    """Never earlier than reckoned, never more exact than known."""
    assert f"dalam {said}." in wording.forecast(minutes * 60, "id")
