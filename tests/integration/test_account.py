"""What the worker that keeps the books shows, from a real PostgreSQL and Valkey; and how it tells that one is away."""

import os
from uuid import uuid4

from monitoring.metrics import Metrics
from registration.pulse import Pulse
from registration.store import intake
from registration.store.database import Database
from registration.store.intake import Registration
from registration.streams.streams import Streams
from verify_workers.bookkeeper import Bookkeeper


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    found: float | None = metrics.registry.get_sample_value(f"gelombang_{name}", labels)
    return found


async def test_the_bookkeeper_shows_funnel_ledger_and_servers(database: Database, streams: Streams) -> None:
    """Everybody is counted, and a contradiction made by hand is seen at the next look."""
    batch = [Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for _ in range(3)]
    await intake.accept(database, batch)
    metrics = Metrics()
    keeper = Bookkeeper(asks_students=False, database=database, streams=streams, metrics=metrics)
    await keeper.run_once()
    assert value(metrics, "people", stage="registered") == 3
    assert value(metrics, "people", stage="complete") == 0
    assert value(metrics, "checks", kind="nik", state="pending") == 3
    assert value(metrics, "ledger_discrepancies") == 0
    assert (value(metrics, "valkey_memory_bytes") or 0) > 0
    assert 0 < (value(metrics, "database_sessions") or 0) < (value(metrics, "database_sessions_limit") or 0)
    await database.fetch("update registrations set email_state = 'sent' where id = $1", batch[0].id)
    await keeper.run_once()
    assert value(metrics, "ledger_discrepancies") == 1


async def test_the_pulse_tells_who_answers(database: Database, streams: Streams) -> None:
    """A Valkey that is not there is shown as away beside a PostgreSQL that answers."""
    metrics = Metrics()
    await Pulse(database=database, streams=streams, metrics=metrics).run_once()
    assert value(metrics, "dependency_up", dependency="postgresql") == 1
    assert value(metrics, "dependency_up", dependency="valkey") == 1
    assert (value(metrics, "database_connections", state="idle") or 0) >= 1
    nobody = Streams("unix:///nowhere/valkey.sock", timeout_seconds=0.5, cap=1)
    await Pulse(database=database, streams=nobody, metrics=metrics).run_once()
    await nobody.close()
    assert value(metrics, "dependency_up", dependency="valkey") == 0
    assert value(metrics, "dependency_up", dependency="postgresql") == 1
