"""Closes a wave when its time is up. Nobody could join any more by then: this makes it final and visible."""

import structlog

from registration.store import waves
from registration.store.database import Database

log = structlog.get_logger(__name__)


class Closer:
    """Looks for waves whose closing time has passed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run_once(self) -> None:
        """Close what is over; raises `Retryable`."""
        for number in await waves.close_ended(self._database):
            log.info("wave is closed", count=number)
