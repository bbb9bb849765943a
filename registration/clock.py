"""Time as a dependency, so that tests can hold it still.

Waiting times and expiries that several processes must agree on are reckoned by PostgreSQL's clock, not by this one.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

WESTERN_INDONESIA_TIME = timezone(timedelta(hours=7), "WIB")  # no daylight saving, and since 1964 no change


class Clock(Protocol):
    """What the current time is."""

    def now(self) -> datetime:
        """The time, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)


def today(clock: Clock) -> date:
    """The date in Jakarta, by which ages are reckoned."""
    return clock.now().astimezone(WESTERN_INDONESIA_TIME).date()
