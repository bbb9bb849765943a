"""The account of the whole: the ledger, how far people came, how full the server is."""

import msgspec

from registration.store.database import Database
from registration.store.statements import statement
from registration.store.upkeep import Ledger, read_ledger


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`complete` counts registrations; the stages after it count one for each wave."""

    ledger: Ledger
    complete: int
    begun: int
    submitted: int
    tested: int
    joined: int
    selected: int
    announced: int
    database_bytes: int
    sessions: int
    sessions_limit: int


async def read_account(database: Database, *, asks_students: bool, timeout_seconds: float) -> Account:
    """All of it; raises `Retryable`. Reads whole tables: a minute apart, not at each request."""
    ledger = await read_ledger(database, timeout_seconds=timeout_seconds)
    async with database.snapshot(timeout_seconds=timeout_seconds) as connection:
        (row,) = await connection.fetch(statement("count_people"), asks_students)
    return Account(ledger=ledger, **dict(row))
