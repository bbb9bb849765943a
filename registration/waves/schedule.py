"""When waves open and close: on Thursdays at 16:00 in Jakarta, unless somebody decides otherwise.

Jakarta has kept UTC+7 since 1964 and knows no daylight saving, so weeks there are always 168 hours long (docs: facts).
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import msgspec

from registration.clock import WESTERN_INDONESIA_TIME

CLOSING_WEEKDAY = 3  # Thursday
CLOSING_TIME = time(16, 0)
# A wave opens on the Saturday after the last one closed, when that one's participants have been told (Friday).
OPENING_BEFORE_CLOSING = timedelta(days=5, hours=8)
WEEK = timedelta(weeks=1)


class Wave(msgspec.Struct, frozen=True):
    """One wave as it was planned: joined from `opens_at` until just before `closes_at`; `quota` are selected."""

    number: int
    opens_at: datetime
    closes_at: datetime
    quota: int


def next_closing(after: datetime) -> datetime:
    """The first Thursday, 16:00 in Jakarta, that is later than `after`."""
    local = after.astimezone(WESTERN_INDONESIA_TIME)
    days = (CLOSING_WEEKDAY - local.weekday()) % 7
    closing = datetime.combine(local.date() + timedelta(days=days), CLOSING_TIME, WESTERN_INDONESIA_TIME)
    return closing if closing > local else closing + WEEK


def weekly(*, first: int, count: int, after: datetime, quota: int) -> Sequence[Wave]:
    """Plan `count` waves, one a week, numbered from `first`; the first is the next that opens later than `after`."""
    closing = next_closing(after + OPENING_BEFORE_CLOSING)
    return [
        Wave(first + week, closing + week * WEEK - OPENING_BEFORE_CLOSING, closing + week * WEEK, quota)
        for week in range(count)
    ]
