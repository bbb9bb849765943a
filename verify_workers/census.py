"""Counts what waits, for metrics, and mends streams that were tampered with."""

import math
from collections.abc import Sequence

import structlog

from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.outlook import outlook
from registration.store.database import Database
from registration.store.quota import read_quota
from registration.store.work import measure_backlog
from registration.streams.streams import Streams

_STATEMENT_SECONDS = 10.0
log = structlog.get_logger(__name__)


class Census:
    """Of one kind."""

    def __init__(
        self,
        *,
        kind: Kind,
        daily_quota: int,
        database: Database,
        streams: Streams,
        stream_names: Sequence[str],
        metrics: Metrics,
    ) -> None:
        self._daily_quota = daily_quota
        self._kind = kind
        self._database = database
        self._streams = streams
        self._stream_names = stream_names
        self._metrics = metrics

    async def run_once(self) -> None:
        """Count and mend once."""
        for name in self._stream_names:
            size = await self._streams.size(name)
            self._metrics.stream_length.labels(name).set(size.length)
            self._metrics.stream_pending.labels(name).set(size.pending)
            difference = await self._streams.reconcile(name)
            if difference:
                self._metrics.stream_mended.labels(name).inc(abs(difference))
                log.error("stream and outstanding set differed, mended", stream=name, count=difference)
        backlog = await measure_backlog(self._database, self._kind, timeout_seconds=_STATEMENT_SECONDS)
        self._metrics.backlog.labels(self._kind).set(backlog.open)
        self._metrics.set_aside.labels(self._kind).set(backlog.set_aside)
        self._metrics.oldest_due_seconds.labels(self._kind).set(backlog.oldest_due_seconds)
        rate = await self._streams.tally(self._kind)
        self._metrics.goodput.labels(self._kind).set(rate)
        quota = await read_quota(self._database, self._kind, daily=self._daily_quota)
        ahead = outlook(due=backlog.due, later=backlog.later, per_second=rate, quota=quota)
        self._metrics.backlog_done_seconds.labels(self._kind).set(_or_unknown(ahead.done_in_seconds))
        if quota is not None:
            self._metrics.ministry_quota_ends_seconds.labels(self._kind).set(_or_unknown(ahead.quota_ends_in_seconds))


def _or_unknown(seconds: float | None) -> float:
    """Prometheus has a word for it."""
    return math.nan if seconds is None else seconds
