"""How many codes may go out by SMS: counted in PostgreSQL, so that neither a restart nor a wiped Valkey forgets.

Guarantee: of all workers together a number gets at most so many codes an hour and the day its budget; a range of
numbers whose codes nobody answers gets no more. What was allowed stays allowed, so sending it again after a failure is
not counted twice; if the process dies before the sending, one code is counted that nobody got.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from registration.store.database import Database
from registration.store.statements import statement
from registration.store.work import Delay


class Code(msgspec.Struct, frozen=True):
    """One code to be sent; the digests are keyed and of 16 bytes."""

    registration_id: UUID
    generation: int
    number_digest: bytes
    range_digest: bytes


class CodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many codes: an hour for a number and for a range, a day in all.

    After `range_sample` codes in an hour, a range gets more only while at least `least_answered` of them were answered.
    """

    number_hourly: int
    range_hourly: int
    range_sample: int
    least_answered: float
    daily: int


async def allow_codes(database: Database, codes: Sequence[Code], limits: CodeLimits) -> Mapping[UUID, Delay | None]:
    """For each code None when it may be sent now, or how long it must wait and why. Raises `Retryable`.

    Waits for whoever else allows codes at this moment. A code that was replaced by a newer one is left out.
    """
    async with database.transaction() as connection:
        await connection.fetch(statement("lock_code_limits"))
        rows = await connection.fetch(
            statement("allow_codes"),
            [code.registration_id for code in codes],
            [code.generation for code in codes],
            [code.number_digest for code in codes],
            [code.range_digest for code in codes],
            limits.number_hourly,
            limits.range_hourly,
            limits.range_sample,
            limits.least_answered,
            limits.daily,
        )
    return {row["id"]: None if row["cause"] is None else Delay(row["cause"], row["wait_seconds"]) for row in rows}
