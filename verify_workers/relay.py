"""Refills streams from PostgreSQL: what is open, due and not outstanding, the longest-waiting first, up to the cap.

Guarantee: whatever is open in PostgreSQL comes to a worker, however it was lost on the way: a shortcut that failed, a
retry whose time has come, a Valkey that was wiped. The backlog of a long outage stays in PostgreSQL. The student check,
which nobody else begins, begins here.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from registration.checks import Kind
from registration.settings import Settings
from registration.store import students
from registration.store.database import Database
from registration.store.work import find_due, find_priority_due
from registration.streams import keys
from registration.streams.streams import Streams

_OFFER_AT_ONCE = 500
_BEGIN_AT_ONCE = 2_000


class Relay:
    """One of a kind's workers runs it at a time (`Scheduler`); more would only cost."""

    def __init__(self, *, kind: Kind, settings: Settings, database: Database, streams: Streams) -> None:
        self._kind = kind
        self._cap = settings.stream_cap
        self._database = database
        self._streams = streams

    async def run_once(self) -> None:
        """Begin what may begin, and refill each stream that is at most half full."""
        if self._kind is Kind.STUDENT:
            await students.begin(self._database, _BEGIN_AT_ONCE)
        if self._kind is Kind.NIK:
            await self._refill(keys.PRIORITY, lambda: find_priority_due(self._database, self._cap))
        await self._refill(keys.stream(self._kind), lambda: find_due(self._database, self._kind, self._cap))

    async def _refill(self, stream_name: str, find: Callable[[], Awaitable[Sequence[UUID]]]) -> None:
        if (await self._streams.size(stream_name)).length > self._cap // 2:
            return
        due = await find()
        for start in range(0, len(due), _OFFER_AT_ONCE):
            await self._streams.offer([stream_name], due[start : start + _OFFER_AT_ONCE])
