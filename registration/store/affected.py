"""Workers whom ministries and local offices named: only the digests of their NIKs.

Guarantee: a batch is kept in one commit; naming somebody again changes nothing, so a list that broke off is sent again.
"""

from collections.abc import Sequence

from registration.store.database import Database
from registration.store.statements import statement


async def keep(database: Database, digests: Sequence[bytes], source: str) -> int:
    """Keep a batch of a list called `source`; returns how many were not known yet."""
    (row,) = await database.fetch(statement("keep_affected"), digests, source)
    return int(row["new"])
