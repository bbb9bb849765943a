"""Joining, where it meets PostgreSQL: what monitoring is told of those who are turned away for our sake."""

import asyncio
from uuid import uuid4

import msgspec
import pytest

from ingest.participation import Participation
from monitoring.metrics import Metrics
from registration.assessment import load_bank
from registration.errors import Overloaded, Rejected, Retryable
from registration.lots import Lots
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.store.database import Database


async def test_who_is_turned_away_for_our_sake_is_counted_apart(
    settings: Settings, database: Database, ring: KeyRing
) -> None:
    """A full queue, a wave that is not open, and a PostgreSQL that does not answer are three outcomes."""
    metrics = Metrics()
    participation = Participation(
        settings=msgspec.structs.replace(settings, batch_queue_limit=1),
        database=database,
        lots=Lots(ring),
        bank=load_bank(),
        metrics=metrics,
    )

    def outcomes() -> dict[str, float]:
        (found,) = metrics.joins.collect()
        return {sample.labels["outcome"]: sample.value for sample in found.samples if sample.name.endswith("_total")}

    first = asyncio.create_task(participation.join(uuid4(), 1))
    await asyncio.sleep(0)  # it waits in the queue now, which is full
    with pytest.raises(Overloaded):
        await participation.join(uuid4(), 1)
    assert outcomes() == {"overloaded": 1}
    writer = asyncio.create_task(participation.run_writer())
    with pytest.raises(Rejected):
        await first
    assert outcomes() == {"overloaded": 1, "not_open": 1}
    await database.close()
    with pytest.raises(Retryable):
        await participation.join(uuid4(), 1)
    assert outcomes() == {"overloaded": 1, "not_open": 1, "failed": 1}
    writer.cancel()
