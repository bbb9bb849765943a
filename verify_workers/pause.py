"""Looks whether this worker's kind is paused; nothing is taken up while it is.

A worker takes up nothing before it has looked once. What was known last holds while PostgreSQL is away. Nothing is in
hand here.
"""

import asyncio
from collections.abc import Callable

import structlog

from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.store.database import Database
from registration.store.pauses import read_pauses

log = structlog.get_logger(__name__)

PAUSE_LOOK_SECONDS = 1.0


class PauseSwitch:
    """Call `run_once` every `PAUSE_LOOK_SECONDS`."""

    def __init__(self, *, kind: Kind, database: Database, metrics: Metrics) -> None:
        self._kind = kind
        self._database = database
        self._paused = metrics.paused.labels(kind)
        self._running = asyncio.Event()
        self._seen: bool | None = None
        # Told at each look: whoever has work waiting, which is better given back.
        self.told: Callable[[bool], None] = lambda _paused: None

    async def over(self) -> None:
        """Return when the kind is not paused, as far as is known."""
        await self._running.wait()

    async def run_once(self) -> None:
        """Look once. Raises `Retryable`."""
        paused = any(pause.kind is self._kind for pause in await read_pauses(self._database))
        if paused is not bool(self._seen):
            log.warning("paused" if paused else "resumed", kind=self._kind)
        self._seen = paused
        self._paused.set(paused)
        self.told(paused)
        if paused:
            self._running.clear()
        else:
            self._running.set()
