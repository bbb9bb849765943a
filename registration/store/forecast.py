"""What a forecast of the waiting time is made of."""

from datetime import datetime

import msgspec

from registration.store.database import Database
from registration.store.statements import statement

_LOOKED_AT = 200


class Front(msgspec.Struct, frozen=True):
    """The front of a queue: since when the first waits (None: nobody does), and how much of the next is delayed."""

    since: datetime | None
    looked_at: int
    delayed: int


async def read_front(database: Database, *, goes_first: bool) -> Front:
    """Where the front of the NIK checks stands, of those that go first or of the others; raises `Retryable`."""
    name = "read_priority_front" if goes_first else "read_nik_front"
    (row,) = await database.fetch(statement(name), _LOOKED_AT)
    return Front(row["front"], row["looked_at"], row["delayed"])
