"""Reads entries for the processor, as many as it has room for, the more urgent stream first.

Guarantee: what was read is leased to this consumer; if the process dies it expires and is delivered again.
"""

from collections.abc import Sequence

from registration.streams.streams import Streams
from verify_workers.processor import Processor


class Fetcher:
    """One per worker; its consumer name is stable, so that an earlier life's entries are found again."""

    def __init__(self, *, streams: Streams, stream_names: Sequence[str], consumer: str, processor: Processor) -> None:
        self._streams = streams
        self._stream_names = stream_names
        self._consumer = consumer
        self._processor = processor

    async def recover(self) -> None:
        """Take up what an earlier life of this consumer held, at start."""
        for name in self._stream_names:
            after = "0"
            while entries := await self._streams.read_own(
                name, consumer=self._consumer, count=await self._processor.room(), after=after
            ):
                self._processor.take(entries)
                after = entries[-1].entry_id

    async def run_once(self) -> None:
        """Read one delivery; waits for room, and up to a second for entries."""
        room = await self._processor.room()
        entries = await self._streams.read(self._stream_names, consumer=self._consumer, count=room)
        self._processor.take(entries)
