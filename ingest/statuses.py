"""Where registrations stand, for the many who ask: reads that arrive together become one statement.

Guarantee: an answer is at least as new as the moment of its question, whatever process wrote last; so nobody's own
code, link or correction is ever missing from what they see next. Nothing is kept between reads: a cache for each
process would break that, and hits nothing (docs/performance.md). If the process dies, clients ask again.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from registration.batching import READ_LIMIT, GroupCommit
from registration.checks import Check, Kind, State
from registration.settings import Settings
from registration.store import intake as store
from registration.store.database import Database


class Statuses:
    """Run `run` beside it. Its queue is its own: reads go on while registrations are refused."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._asks_students = settings.asks_students
        self._database = database
        self._reads = GroupCommit(
            self._read,
            batch_limit=READ_LIMIT,
            queue_limit=settings.batch_queue_limit,
            retry_after_seconds=settings.retry_after_seconds,
        )

    async def read(self, registration_id: UUID) -> store.Status | None:
        """Where a registration stands, None when there is none; raises `Overloaded` and `Retryable`."""
        return await self._reads.submit(registration_id)

    async def run(self) -> None:
        """Read what is asked, batch after batch."""
        await self._reads.run()

    async def _read(self, ids: Sequence[UUID]) -> Sequence[store.Status | None]:
        found = await store.read_statuses(self._database, ids)
        return [self._shown(found[item]) if item in found else None for item in ids]

    def _shown(self, status: store.Status) -> store.Status:
        """The student check where it is asked for, and only there: until its turn comes it waits like any other."""
        if (Kind.STUDENT in status.checks) is self._asks_students:
            return status
        checks = dict(status.checks)
        if self._asks_students:
            checks[Kind.STUDENT] = Check(State.PENDING, None, status.received_at)
        else:
            del checks[Kind.STUDENT]
        return msgspec.structs.replace(status, checks=checks)
