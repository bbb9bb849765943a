"""What of the test and the announcements waits, for metrics. Read-only."""

from collections.abc import Mapping

import msgspec

from registration.store.database import Database
from registration.store.statements import statement

_OVERDUE_SECONDS = 60.0


class StagesBacklog(msgspec.Struct, frozen=True):
    """`messages` by channel and state: planned, due, overdue."""

    oldest_unscored_seconds: float
    messages: Mapping[tuple[str, str], int]


async def measure(database: Database) -> StagesBacklog:
    """Measure once. Raises `Retryable`."""
    rows = await database.fetch(statement("measure_waves"), _OVERDUE_SECONDS)
    messages = {(row["channel"], row["state"]): row["messages"] for row in rows}
    return StagesBacklog(rows[0]["oldest_unscored_seconds"], messages)
