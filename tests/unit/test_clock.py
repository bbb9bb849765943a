"""Jumps of the machine's clock: who reads it at all, and what comes of it when it leaps.

What several processes must agree on (due times, expiries) is reckoned by PostgreSQL's clock, and every wait inside a
process by a monotonic one. So the wall clock of a front door or worker decides nothing but a date.
"""

import ast
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from registration.clock import Today

ROOT = Path(__file__).parents[2]
PACKAGES = ("registration", "ingest", "verify_workers", "monitoring")
# Who may read the wall clock, and what for.
READERS = {
    "registration/clock.py": "the one place that hands it on: the date in Jakarta, the date of a letter",
    "ingest/prepared.py": "the Date header",
}
WALL_CLOCK = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


class JumpingClock:
    """A clock that is set by hand."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        """The time, as set."""
        return self.time


def wall_clock_calls(path: Path) -> Iterator[int]:
    """The lines in which a file reads the wall clock."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and (node.func.value.id, node.func.attr) in WALL_CLOCK
        ):
            yield node.lineno


def test_the_wall_clock_is_read_in_named_places_only() -> None:
    """Whoever needs the time takes a `Clock`; whoever waits uses a monotonic one."""
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if any(True for _ in wall_clock_calls(path))
    }
    assert found == set(READERS)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)])
def test_a_jump_moves_the_date_and_nothing_stays_stuck(jump: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """The date is looked up by a monotonic second, so that a clock that went back is not asked again only tomorrow."""
    monotonic = 100.0
    monkeypatch.setattr("registration.clock.time.monotonic", lambda: monotonic)
    clock = JumpingClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    today = Today(clock)
    assert today() == date(2026, 11, 24)
    clock.time += jump
    assert today() == date(2026, 11, 24), "within the second the date stands"
    monotonic += 1.0
    assert today() == (datetime(2026, 11, 24, 19) + jump).date()  # noqa: DTZ001 - the hour in Jakarta
    clock.time -= jump
    monotonic += 1.0
    assert today() == date(2026, 11, 24), "and it comes back with the clock"
