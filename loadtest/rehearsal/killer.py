"""Kills processes of a local stack now and then, until it is cancelled. Only what the stack's own file names."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable, Mapping
from typing import Any

_VICTIMS = ("ingest-", "worker-", "valkey", "postgresql")


class Killer:
    """Takes one process at a time; `kills` counts them."""

    def __init__(
        self, endpoints: Callable[[], Mapping[str, Any] | None], randomness: random.Random, *, pause_seconds: float
    ) -> None:
        self._endpoints = endpoints
        self._randomness = randomness
        self._pause_seconds = pause_seconds
        self.kills = 0

    async def run(self) -> None:
        """Kill for ever."""
        while True:
            await asyncio.sleep(self._randomness.uniform(0.5, 1.5) * self._pause_seconds)
            pids = (self._endpoints() or {}).get("pids", {})
            names = [name for name in sorted(pids) if name.startswith(_VICTIMS)]
            if names:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pids[self._randomness.choice(names)], signal.SIGKILL)
                    self.kills += 1
