"""Keeps a few calls of the day's quota at the gate, leased from PostgreSQL as they are used.

Guarantee: at the quota's end the gate lets nobody pass until midnight in Jakarta; nothing fails and nothing is charged,
the work waits. Without PostgreSQL no calls are leased, so the gate runs dry.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import structlog

from monitoring.metrics import Metrics
from registration.errors import Retryable
from registration.registry import Registry
from registration.store.database import Database
from registration.store.quota import lease_calls, return_calls
from verify_workers.ministry.gate import Gate

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
_LOOK_AGAIN_SECONDS = 10.0  # at the quota's end: it may be raised by a person, or the day may end
_LONGEST_BLOCK = 1_000


class DailyQuota:
    """Call `run_once` every `LOOK_SECONDS`."""

    def __init__(
        self,
        *,
        registry: Registry,
        database: Database,
        gate: Gate,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind, self._quota = registry.kind, registry.daily_quota
        self._database = database
        self._gate = gate
        self._left = metrics.ministry_quota_left.labels(registry.kind)
        self._clock = clock
        self._started = 0
        self._day: date | None = None
        self._dry_until = -math.inf
        gate.set_calls(0, until=math.inf)

    async def run_once(self) -> None:
        """Lease more when what is there will not last. Raises `Retryable`."""
        used, self._started = self._gate.started - self._started, self._gate.started
        wanted = min(2 * used + 1, _LONGEST_BLOCK)  # for two looks; an idle worker holds one
        left = self._gate.calls_left
        now = self._clock()
        if left >= wanted or now < self._dry_until:
            return
        block = await lease_calls(self._database, self._kind, quota=self._quota, wanted=wanted)
        self._left.set(block.left_over)
        if not block.calls:
            if self._dry_until == -math.inf:
                log.warning("the day's quota is used up, work waits", kind=self._kind, seconds=round(block.seconds))
            self._dry_until = now + min(_LOOK_AGAIN_SECONDS, block.seconds)
            return
        self._dry_until = -math.inf
        kept = self._gate.calls_left if block.day == self._day else 0
        self._day = block.day
        # Counted from before the question: the day ends here before it ends there.
        self._gate.set_calls(kept + block.calls, until=now + block.seconds)

    async def leave(self) -> None:
        """Give back what is left, when stopping."""
        left = self._gate.calls_left
        self._gate.set_calls(0, until=math.inf)
        if self._day is not None and left >= 1:
            with suppress(Retryable):
                await return_calls(self._database, self._kind, day=self._day, count=int(left))
