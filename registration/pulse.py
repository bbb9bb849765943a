"""Feels whether PostgreSQL and Valkey answer this process, and shows what every process shows about its surroundings.

Reads only. A server that is away is shown as away; it is never an error here.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from monitoring.metrics import Metrics
from registration.errors import Retryable
from registration.settings import Settings
from registration.store.database import Database
from registration.streams.streams import Streams

_BEAT_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 4.0  # who answers a trifle later than this is as good as away


class Pulse:
    """Call `run_once` every `pulse_seconds`."""

    def __init__(self, *, database: Database, streams: Streams | None, metrics: Metrics) -> None:
        self._metrics = metrics
        self._asked: dict[str, Callable[[], Awaitable[object]]] = {"postgresql": lambda: database.fetch("select 1")}
        if streams is not None:
            self._asked["valkey"] = streams.ping
        busy, idle = metrics.database_connections.labels("busy"), metrics.database_connections.labels("idle")
        busy.set_function(lambda: float(database.usage()[0]))
        idle.set_function(lambda: float(database.usage()[1]))

    async def run_once(self) -> None:
        """Ask each once, side by side."""
        async with asyncio.TaskGroup() as tasks:
            for dependency, ask in self._asked.items():
                tasks.create_task(self._feel(dependency, ask))

    async def _feel(self, dependency: str, ask: Callable[[], Awaitable[object]]) -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await ask()
        except (Retryable, TimeoutError):
            self._metrics.dependency_up.labels(dependency).set(0)
        else:
            self._metrics.dependency_up.labels(dependency).set(1)
        self._metrics.dependency_seconds.labels(dependency).set(time.perf_counter() - began)


async def feel_event_loop(metrics: Metrics) -> None:
    """Note once how late the event loop comes round; for processes without an admission, which does that itself."""
    due = time.perf_counter() + _BEAT_SECONDS
    await asyncio.sleep(_BEAT_SECONDS)
    metrics.event_loop_lag_seconds.set(max(0.0, time.perf_counter() - due))


def show_surroundings(settings: Settings, metrics: Metrics) -> None:
    """Show what the settings say and the disk has, each time somebody looks."""
    for kind in settings.needed_checks:
        metrics.needed.labels(kind).set(1)
    metrics.proven_rate.set(settings.proven_rate)
    metrics.proven_at_seconds.set(datetime.fromisoformat(settings.proven_at).timestamp() if settings.proven_at else 0)
    if directory := settings.data_directory:
        metrics.disk_free_bytes.set_function(lambda: _free_bytes(directory))
        metrics.disk_size_bytes.set_function(lambda: _size_bytes(directory))


def _free_bytes(directory: str) -> float:
    disk = os.statvfs(directory)
    return float(disk.f_bavail * disk.f_frsize)


def _size_bytes(directory: str) -> float:
    disk = os.statvfs(directory)
    return float(disk.f_blocks * disk.f_frsize)
