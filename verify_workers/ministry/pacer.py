"""Times at which calls may start: handed out in rows, used once each, thrown away when missed.

Guarantee: no time is given before it comes, and with each the moment until when it is good, `LATE_SECONDS` later. Costs
nothing to speak of: a row is four numbers, however many times it holds.

Pure: seconds of a monotonic clock come in.
"""

import math
from collections import deque

import msgspec

from verify_workers.ministry.ceiling import LATE_SECONDS


class _Row(msgspec.Struct):
    """`count` times from `first` on; the first may be used until `last_moment`."""

    first: float
    last_moment: float
    spacing: float
    count: int


class Pacer:
    """One worker's times, leased and static."""

    def __init__(self, *, static_spacing_seconds: float) -> None:
        self._rows: deque[_Row] = deque()
        self._static_spacing = static_spacing_seconds
        self._static_at = 0.0
        self.left = 0

    def add(self, *, asked_at: float, answered_at: float, offset: float, spacing: float, count: int) -> None:
        """Take a row that starts `offset` after the server answered, at some moment between asking and answer.

        So a start is safe from `answered_at + offset` on, and in time until `asked_at + offset + LATE_SECONDS`.
        """
        row = _Row(answered_at + offset, asked_at + offset + LATE_SECONDS, spacing, count)
        self._rows.append(row)
        self.left += count

    def clear(self) -> None:
        """Throw all leased times away."""
        self._rows.clear()
        self.left = 0

    def take(self, now: float, *, static: bool) -> float | None:
        """Use one time, if one has come: the moment until when. `static` says whether the worker's own ones count."""
        if self._rows and (last_moment := self._take_leased(now)) is not None:
            return last_moment
        if static and self._static_spacing and now >= self._static_at:
            self._static_at = now + self._static_spacing
            return now + LATE_SECONDS
        return None

    def next_at(self, *, static: bool) -> float:
        """When the next time comes; infinity when none is known."""
        leased = self._rows[0].first if self._rows else math.inf
        own = self._static_at if static and self._static_spacing else math.inf
        return min(leased, own)

    def _take_leased(self, now: float) -> float | None:
        while self._rows:
            row = self._rows[0]
            if now > row.last_moment:
                missed = min(row.count, math.floor((now - row.last_moment) / row.spacing) + 1)
                self._advance(row, missed)
            if row.count > 0:
                if now < row.first:
                    return None
                last_moment = row.last_moment
                self._advance(row, 1)
                if not row.count:
                    self._rows.popleft()
                return last_moment
            self._rows.popleft()
        return None

    def _advance(self, row: _Row, count: int) -> None:
        row.first += count * row.spacing
        row.last_moment += count * row.spacing
        row.count -= count
        self.left -= count
