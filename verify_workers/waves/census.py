"""Counts what of the later stages waits, for metrics. Read-only; if it dies the numbers are absent, not old."""

from monitoring.metrics import Metrics
from registration.store import stages
from registration.store.database import Database


class StagesCensus:
    """Of the test and the announcements."""

    def __init__(self, *, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    async def run_once(self) -> None:
        """Count once; raises `Retryable`."""
        backlog = await stages.measure(self._database)
        self._metrics.oldest_unscored_seconds.set(backlog.oldest_unscored_seconds)
        for (channel, state), count in backlog.messages.items():
            self._metrics.announcements_waiting.labels(channel, state).set(count)
