"""Runs a kind's periodic duties, each by one worker at a time, on its own interval.

The holder keeps a lease in Valkey; when it dies, the next worker has the duty within one lease. Duties are safe to run
twice, so a lease that is lost or stolen costs work, never correctness.

A duty that looks at whole tables takes longer the more people have come. So it rests, under its lease, for a multiple
of the time that it took, also where it failed: whatever the tables hold, looking costs PostgreSQL the same share.
"""

import math
import time
from collections.abc import Awaitable, Callable

import msgspec

from registration.streams.streams import Streams


class Duty(msgspec.Struct, frozen=True):
    """Something to do every so often, with a rest of at least `rest` times as long as it took."""

    name: str
    interval_seconds: float
    run_once: Callable[[], Awaitable[None]]
    rest: float = 0.0


class Scheduler:
    """Guards duties with leases; the pool runs the loops."""

    def __init__(
        self, *, streams: Streams, holder: str, scope: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._streams = streams
        self._holder = holder
        self._scope = scope
        self._clock = clock
        self._rests_until: dict[str, float] = {}

    async def run_once(self, duty: Duty) -> None:
        """Do the duty, if it is ours to do now and has rested."""
        began = self._clock()
        if began < self._rests_until.get(duty.name, -math.inf) or not await self._hold(duty, 0.0):
            return
        try:
            await duty.run_once()
        finally:
            rest = duty.rest * (self._clock() - began)
            if rest > duty.interval_seconds:
                self._rests_until[duty.name] = self._clock() + rest
                await self._hold(duty, rest)

    async def _hold(self, duty: Duty, rest_seconds: float) -> bool:
        lease_seconds = rest_seconds + max(2.0, 3 * duty.interval_seconds)
        return await self._streams.hold_lease(f"{self._scope}:{duty.name}", holder=self._holder, seconds=lease_seconds)
