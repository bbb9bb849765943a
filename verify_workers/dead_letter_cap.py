"""A cap on the share of work that may be set aside, so that one wrong deployment or setting cannot bury the day's work.

The idea is arroyo's (`dlq.py`): beyond the cap, work is delayed with its cause in place of being set aside, and the
kind is paused for a person to look. A few dead letters are always allowed: a share of little work says nothing. Each
worker counts for itself; a new process counts anew.

Pure: the clock is handed in.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from registration.store.work import Delay, Outcome

_WINDOW_SECONDS: Final = 300.0
_ALWAYS_ALLOWED: Final = 20
_WAIT_SECONDS: Final = 60.0


class DeadLetterCap:
    """`share` of the outcomes of the last five minutes may be set aside."""

    def __init__(self, *, share: float, monotonic: Callable[[], float]) -> None:
        self._share = share
        self._now = monotonic
        self._window: deque[tuple[float, int, int]] = deque()
        self._total = 0
        self._set_aside = 0

    def apply(self, outcomes: Sequence[Outcome]) -> tuple[Sequence[Outcome], str | None]:
        """The outcomes to write, and the commonest cause when the cap was exceeded by these."""
        aside = Counter(cause for outcome in outcomes if (cause := _set_aside_by(outcome)) is not None)
        count = sum(aside.values())
        self._forget()
        if count and self._exceeded(self._total + len(outcomes), self._set_aside + count):
            return [_delayed(outcome) for outcome in outcomes], aside.most_common(1)[0][0]
        self._window.append((self._now(), len(outcomes), count))
        self._total += len(outcomes)
        self._set_aside += count
        return outcomes, None

    def _exceeded(self, total: int, set_aside: int) -> bool:
        return set_aside > _ALWAYS_ALLOWED and set_aside > self._share * total

    def _forget(self) -> None:
        while self._window and self._window[0][0] < self._now() - _WINDOW_SECONDS:
            _, total, set_aside = self._window.popleft()
            self._total -= total
            self._set_aside -= set_aside


def _set_aside_by(outcome: Outcome) -> str | None:
    result = outcome.result
    return result.cause if isinstance(result, Delay) and result.wait_seconds is None else None


def _delayed(outcome: Outcome) -> Outcome:
    cause = _set_aside_by(outcome)
    return outcome if cause is None else msgspec.structs.replace(outcome, result=Delay(cause, _WAIT_SECONDS))
