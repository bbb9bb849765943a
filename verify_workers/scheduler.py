"""Runs a kind's periodic duties, each by one worker at a time, on its own interval.

The holder keeps a lease in Valkey; when it dies, the next worker has the duty within one lease. Duties are safe to run
twice, so a lease that is lost or stolen costs work, never correctness.
"""

from collections.abc import Awaitable, Callable

import msgspec

from registration.streams.streams import Streams


class Duty(msgspec.Struct, frozen=True):
    """Something to do every so often."""

    name: str
    interval_seconds: float
    run_once: Callable[[], Awaitable[None]]


class Scheduler:
    """Guards duties with leases; the pool runs the loops."""

    def __init__(self, *, streams: Streams, holder: str, scope: str) -> None:
        self._streams = streams
        self._holder = holder
        self._scope = scope

    async def run_once(self, duty: Duty) -> None:
        """Do the duty, if it is ours to do now."""
        lease_seconds = max(2.0, 3 * duty.interval_seconds)
        if await self._streams.hold_lease(f"{self._scope}:{duty.name}", holder=self._holder, seconds=lease_seconds):
            await duty.run_once()
