"""Takes over entries whose consumer gave no sign of life, and sets aside those that keep killing their worker.

Guarantee: work orphaned by a dead worker is delivered again after one lease; an entry is delivered at most
`delivery_limit` times before it becomes a dead letter, so poison never loops.
"""

import time
from collections.abc import Sequence

import structlog

from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.settings import Settings
from registration.store.database import Database
from registration.store.work import Delay, Outcome, load_work
from registration.streams.streams import Entry, Expired, Streams
from verify_workers.completer import Completer
from verify_workers.processor import Processor

log = structlog.get_logger(__name__)

POISON = "poison"
_LOOK_AT = 256


class Rescuer:
    """Every worker runs one; they may overlap, since a claim is atomic."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        kind: Kind,
        settings: Settings,
        database: Database,
        streams: Streams,
        stream_names: Sequence[str],
        processor: Processor,
        completer: Completer,
        metrics: Metrics,
    ) -> None:
        self._kind = kind
        self._settings = settings
        self._database = database
        self._streams = streams
        self._stream_names = stream_names
        self._processor = processor
        self._completer = completer
        self._rescued = metrics.rescued.labels(kind)
        self._standing: dict[str, dict[Expired, float]] = {}

    async def recover(self) -> None:
        """Set aside what killed the earlier lives of this very consumer, at start and before anything is taken up.

        A worker that is back before its lease is over would else be killed again by what it held, for ever.
        """
        consumer = self._settings.consumer
        for name in self._stream_names:
            held = await self._streams.find_expired(name, lease_seconds=0.0, count=_LOOK_AT, consumer=consumer)
            poison = [item.entry_id for item in held if item.deliveries >= self._settings.delivery_limit]
            if poison:
                await self._set_aside(await self._claim(name, poison, lease_seconds=0.0))

    async def run_once(self) -> None:
        """Look at each stream once."""
        for name in self._stream_names:
            await self._rescue(name)

    async def _rescue(self, stream_name: str) -> None:
        lease_seconds = self._settings.lease_seconds
        expired = await self._streams.find_expired(stream_name, lease_seconds=lease_seconds, count=_LOOK_AT)
        if not expired and (expired := await self._find_stuck(stream_name)):
            lease_seconds = 0.0  # by our own clock it is over
        limit = self._settings.delivery_limit
        poison = [item.entry_id for item in expired if item.deliveries >= limit]
        orphans = [item.entry_id for item in expired if item.deliveries < limit]
        if poison:
            await self._set_aside(await self._claim(stream_name, poison, lease_seconds=lease_seconds))
        if orphans:
            room = await self._processor.room()
            entries = await self._claim(stream_name, orphans[:room], lease_seconds=lease_seconds)
            self._rescued.inc(len(entries))
            self._processor.take(entries)

    async def _find_stuck(self, stream_name: str) -> Sequence[Expired]:
        """Entries whose idle time stood at zero for a whole lease of our own monotonic clock.

        After a jump back of Valkey's clock what was delivered before has its delivery in the future. Whoever lives
        renews it and it ages again; a dead worker's would not for as long as the jump.
        """
        now = time.monotonic()
        before = self._standing.get(stream_name, {})
        pending = await self._streams.find_expired(stream_name, lease_seconds=0.0, count=_LOOK_AT)
        standing = {item: before.get(item, now) for item in pending if not item.idle_seconds}
        self._standing[stream_name] = standing
        return [item for item, since in standing.items() if now - since > self._settings.lease_seconds]

    async def _claim(self, stream_name: str, entry_ids: Sequence[str], *, lease_seconds: float) -> Sequence[Entry]:
        return await self._streams.claim(
            stream_name, consumer=self._settings.consumer, lease_seconds=lease_seconds, entry_ids=entry_ids
        )

    async def _set_aside(self, entries: Sequence[Entry]) -> None:
        works = await load_work(
            self._database,
            self._kind,
            [entry.registration_id for entry in entries],
            verdict_keep_days=self._settings.verdict_keep_days,
        )
        by_id = {work.registration_id: work for work in works}
        for entry in entries:
            work = by_id.get(entry.registration_id)
            outcome = None if work is None else Outcome(work, Delay(POISON, None))
            log.error("entry set aside: it kept failing its worker", kind=self._kind, entry=entry.entry_id)
            await self._completer.complete([entry], outcome)
