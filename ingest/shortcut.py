"""The short way from a commit to a worker: ids go straight into the streams instead of waiting for the relay.

Guarantee: none, by design. Whatever is lost here (Valkey away, process killed, queue full) stays pending in PostgreSQL
and the relay offers it within a second or so. So nothing here ever delays or fails an answer to an applicant.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from monitoring.metrics import Metrics
from registration.errors import Retryable
from registration.outbox import Outbox
from registration.streams.streams import Streams

log = structlog.get_logger(__name__)

OFFER_SECONDS = 0.02  # between two offers: in a rush the ids of several commits go in one call
_QUEUE_LIMIT = 20_000
_BATCH_LIMIT = 512


class Shortcut:
    """Collects ids for streams and offers them in batches, one Lua call for each set of streams.

    Repeat `run_once`, `OFFER_SECONDS` apart.
    """

    def __init__(self, streams: Streams, metrics: Metrics) -> None:
        self._streams = streams
        self._lost = metrics.shortcut_lost
        self._outbox: Outbox[tuple[tuple[str, ...], UUID]] = Outbox(_QUEUE_LIMIT)

    def offer(self, stream_names: tuple[str, ...], ids: Sequence[UUID]) -> None:
        """Queue ids for each of these streams; returns at once."""
        self._lost.inc(self._outbox.put([(stream_names, item) for item in ids]))

    async def run_once(self) -> None:
        """Wait for ids, then offer one batch; a failure is counted and forgotten."""
        batch = await self._outbox.take(_BATCH_LIMIT)
        for stream_names in {names for names, _ in batch}:
            ids = [item for names, item in batch if names == stream_names]
            try:
                await self._streams.offer(stream_names, ids)
            except Retryable as error:
                self._lost.inc(len(ids))
                log.warning("streams did not take new work, left to the relay", cause=error.cause, count=len(ids))

    async def flush(self) -> None:
        """Offer all that is queued, when stopping."""
        while len(self._outbox):
            await self.run_once()
