"""Time as a dependency, so that tests can hold it still.

Waiting times and expiries that several processes must agree on are reckoned by PostgreSQL's clock, not by this one.
"""

import time
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


class Today:
    """The date in Jakarta, by which ages are reckoned; looked up at most once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._date = date.min

    def __call__(self) -> date:
        """The date now."""
        if time.monotonic() >= self._until:
            self._until = time.monotonic() + 1.0
            self._date = self._clock.now().astimezone(WESTERN_INDONESIA_TIME).date()
        return self._date
