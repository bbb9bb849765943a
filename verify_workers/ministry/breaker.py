"""Stops calls to a registry that does not answer, and finds out carefully when it does again.

    closed ──── too large a share fails, or the quota is gone ─────▶ open
    open ────── the wait is over ──────────────────────────────────▶ probing
    probing ─── an answer is missing: a longer wait ───────────────▶ open
    probing ─── enough answers ────────────────────────────────────▶ closing
    closing ─── calls allowed have grown to the full limit ────────▶ closed

`allowance` is what remains of the controller's limit; nothing else decides on calls. One registration's quota answer
parks that check alone: only a run of them from different identities, with no answer between, says that the day's quota
is gone. Then the breaker waits until midnight in Jakarta, with a probe every few minutes, since quotas are also raised.

Pure: the caller's monotonic seconds and the time until midnight are passed in. If its process dies, the next holder
goes on from `memory`.
"""

import enum
import math
import random
from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from registration.clock import WESTERN_INDONESIA_TIME

QUOTA = "ministry_quota"


class BreakerState(enum.StrEnum):
    """Whether calls go out."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    CLOSING = "closing"


class BreakerPolicy(msgspec.Struct, frozen=True):
    """When it opens, how long it waits, how it closes.

    It opens when `failing_share` of the calls of the last `window_seconds` failed. Where those are fewer than
    `fewest_calls`, it looks back further, but not beyond `longest_window_seconds`.
    """

    failing_share: float = 0.5
    fewest_calls: int = 10
    window_seconds: float = 3.0
    longest_window_seconds: float = 30.0
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 10.0
    probe_calls: int = 1
    answers_to_close: int = 2
    closing_seconds: float = 5.0
    quota_identities: int = 5
    quota_probe_seconds: float = 300.0


class Outcomes(msgspec.Struct, frozen=True):
    """What came back since the last time.

    `failures` are calls without an answer by cause, quota not among them. `quota` holds a fingerprint of each identity
    that got the quota's answer.
    """

    answered: int = 0
    failures: Mapping[str, int] = msgspec.field(default_factory=dict)
    quota: frozenset[bytes] = frozenset()


class Memory(msgspec.Struct, frozen=True):
    """What the next holder must know. `wait_seconds` counts from now."""

    state: BreakerState = BreakerState.CLOSED
    cause: str | None = None
    wait_seconds: float = 0.0
    openings: int = 0


def seconds_until_midnight(now: datetime) -> float:
    """Until the registry's next day begins, in Jakarta."""
    local = now.astimezone(WESTERN_INDONESIA_TIME)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - local).total_seconds()


class Breaker:
    """One for the whole pool. `memory` is what an earlier holder left behind."""

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        now_seconds: float,
        randomness: random.Random,
        memory: Memory | None = None,
    ) -> None:
        known = memory or Memory()
        self._policy = policy
        self._randomness = randomness
        self.state = known.state
        self.cause = known.cause
        self._openings = known.openings  # in a row; each makes the next wait longer
        self._until = now_seconds + known.wait_seconds
        self._recent: deque[tuple[float, Outcomes]] = deque()
        self._quota_run: set[bytes] = set()
        self._probed = 0
        self._closing_since = now_seconds

    def memory(self, now_seconds: float) -> Memory:
        """What the next holder must know."""
        wait = max(0.0, self._until - now_seconds)
        return Memory(state=self.state, cause=self.cause, wait_seconds=wait, openings=self._openings)

    def allowance(self, now_seconds: float, limit: int) -> int:
        """How many calls may be under way, given the controller's limit; 0 is none."""
        match self.state:
            case BreakerState.OPEN:
                return 0
            case BreakerState.PROBING:
                return min(limit, self._policy.probe_calls)
            case BreakerState.CLOSING:
                share = (now_seconds - self._closing_since) / self._policy.closing_seconds
                return min(limit, max(self._policy.probe_calls, math.ceil(limit * share)))
            case BreakerState.CLOSED:
                return limit

    def update(self, now_seconds: float, outcomes: Outcomes, *, midnight_in_seconds: float) -> BreakerState:
        """Take in what came back and what time it is."""
        match self.state:
            case BreakerState.OPEN if now_seconds >= self._until:
                self._probe()
            case BreakerState.OPEN:
                pass  # what comes back now was asked before
            case BreakerState.PROBING:
                self._judge_probe(now_seconds, outcomes, midnight_in_seconds)
            case _:
                self._watch(now_seconds, outcomes, midnight_in_seconds)
        return self.state

    def _watch(self, now: float, outcomes: Outcomes, midnight_in: float) -> None:
        """Closed or closing: open when it must."""
        if self._is_quota_gone(outcomes):
            self._open_for_quota(now, midnight_in)
        elif (cause := self._failing(now, outcomes)) is not None:
            self._open(now, cause)
        elif self.state is BreakerState.CLOSING and now - self._closing_since >= self._policy.closing_seconds:
            self.state, self.cause, self._openings = BreakerState.CLOSED, None, 0

    def _failing(self, now: float, outcomes: Outcomes) -> str | None:
        """The cause met most often, when too large a share of the recent calls failed."""
        self._recent.append((now, outcomes))
        by_cause: Counter[str] = Counter()
        answered = kept = 0
        for at, one in reversed(self._recent):
            age, enough = now - at, answered + by_cause.total() >= self._policy.fewest_calls
            if age >= self._policy.longest_window_seconds or (age >= self._policy.window_seconds and enough):
                break
            by_cause.update(one.failures)
            answered, kept = answered + one.answered, kept + 1
        while len(self._recent) > kept:
            self._recent.popleft()
        failed = by_cause.total()
        if failed + answered < self._policy.fewest_calls or failed < self._policy.failing_share * (failed + answered):
            return None
        return by_cause.most_common(1)[0][0]

    def _is_quota_gone(self, outcomes: Outcomes) -> bool:
        """Whether so many different identities were refused with no answer between."""
        self._quota_run = set() if outcomes.answered else self._quota_run | outcomes.quota
        return len(self._quota_run) >= self._policy.quota_identities

    def _judge_probe(self, now: float, outcomes: Outcomes, midnight_in: float) -> None:
        if self._is_quota_gone(outcomes) or (outcomes.quota and self.cause == QUOTA):
            self._open_for_quota(now, midnight_in)
        elif outcomes.failures:
            self._open(now, max(outcomes.failures, key=outcomes.failures.__getitem__))
        else:
            self._probed += outcomes.answered
            if self._probed >= self._policy.answers_to_close:
                self.state, self._closing_since = BreakerState.CLOSING, now

    def _open(self, now: float, cause: str) -> None:
        self._openings += 1
        doubled = self._policy.first_wait_seconds * 2.0 ** min(self._openings - 1, 30)
        self._open_for(now, cause, self._jittered(min(doubled, self._policy.longest_wait_seconds)))

    def _open_for_quota(self, now: float, midnight_in: float) -> None:
        """Midnight brings a new quota; a probe every few minutes finds out when it was raised before."""
        self._openings += 1
        self._open_for(now, QUOTA, min(self._jittered(self._policy.quota_probe_seconds), midnight_in))

    def _open_for(self, now: float, cause: str, seconds: float) -> None:
        self.state, self.cause, self._until = BreakerState.OPEN, cause, now + seconds
        self._recent.clear()
        self._quota_run = set()

    def _probe(self) -> None:
        self.state, self._probed = BreakerState.PROBING, 0

    def _jittered(self, seconds: float) -> float:
        """Between three quarters and the whole, so that many do not come at once."""
        return seconds * self._randomness.uniform(0.75, 1.0)
