"""Renews the leases of entries that are being worked on, so that a long call is not given to a second worker.

If the process dies or hangs, renewal stops and the rescuer of any worker takes the entries after one lease.
"""

from collections.abc import Iterable, Mapping

from registration.streams.streams import Entry, Streams
from verify_workers.kinds.checker import Checker
from verify_workers.processor import Processor

RENEWALS_PER_LEASE = 3


class LeaseRenewer:
    """Call `run_once` a few times per lease."""

    def __init__(self, *, streams: Streams, consumer: str, processor: Processor, checker: Checker) -> None:
        self._streams = streams
        self._consumer = consumer
        self._processor = processor
        self._checker = checker

    async def run_once(self) -> None:
        """Renew all that is in hand, and what the checker holds for it."""
        for name, entry_ids in by_stream(self._processor.entries).items():
            await self._streams.renew(name, consumer=self._consumer, entry_ids=entry_ids)
        await self._checker.keep()

    async def hand_back(self) -> None:
        """Give up all that is in hand, uncharged, when stopping."""
        for name, entry_ids in by_stream(self._processor.entries).items():
            await self._streams.hand_back(name, consumer=self._consumer, entry_ids=entry_ids)


def by_stream(entries: Iterable[Entry]) -> Mapping[str, list[str]]:
    """Entry ids by stream."""
    grouped: dict[str, list[str]] = {}
    for entry in entries:
        grouped.setdefault(entry.stream, []).append(entry.entry_id)
    return grouped
