"""When a backlog will be done and when the day's quota ends, from what was measured.

Only of the work that is there: what is due now and what is due later (retries, rechecks), at the rate of the last
minute. New arrivals are left out, since nobody knows them; with them it takes longer. Pure.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

_LOOKED_AHEAD_SECONDS: Final = 30 * 86_400.0


class Quota(msgspec.Struct, frozen=True):
    """Calls left today, when there are new ones, and how many then."""

    left: int
    renews_in_seconds: float
    daily: int


class Outlook(msgspec.Struct, frozen=True):
    """Seconds until then. None: never, as things go, or not known."""

    done_in_seconds: float | None
    quota_ends_in_seconds: float | None


def outlook(*, due: int, later: Sequence[tuple[float, int]], per_second: float, quota: Quota | None = None) -> Outlook:
    """What follows for `due` checks now and `later` ones (in so many seconds, so many) at `per_second` verdicts.

    One verdict costs one call of the quota. Without any rate only an empty backlog is ever done.
    """
    arrivals = sorted((seconds, count) for seconds, count in later if count)
    if not due and not arrivals:
        return Outlook(0.0, None)
    if per_second <= 0:
        return Outlook(None, None)
    now, waiting = 0.0, float(due)
    left = math.inf if quota is None else float(quota.left)
    renews_at = math.inf if quota is None else quota.renews_in_seconds
    quota_ends: float | None = None
    while (waiting > 0 or arrivals) and now < _LOOKED_AHEAD_SECONDS:
        if waiting > 0 and left <= 0 and quota_ends is None:
            quota_ends = now
        working = waiting > 0 and left > 0
        ends_at = now + min(waiting, left) / per_second if working else math.inf
        then = min(ends_at, arrivals[0][0] if arrivals else math.inf, renews_at)
        if working:
            done = min(waiting, left) if then == ends_at else (then - now) * per_second
            waiting, left = waiting - done, left - done
        now = then
        while arrivals and arrivals[0][0] <= now:
            waiting += arrivals.pop(0)[1]
        if quota is not None and now >= renews_at:
            left, renews_at = float(quota.daily), renews_at + 86_400.0
    return Outlook(None if waiting > 0 or arrivals else now, quota_ends)
