"""The waves worker put together, started, and stopped: its roles hold nothing that PostgreSQL does not."""

import asyncio

import structlog

from monitoring.admin import Readiness, admin_server
from monitoring.metrics import Metrics
from registration.assessment import load_bank
from registration.lots import Lots
from registration.runtime import repeat
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.store.database import Database
from registration.store.migrate import assert_migrated
from verify_workers.waves.closer import Closer
from verify_workers.waves.scorer import Scorer

log = structlog.get_logger(__name__)

_SCORING_SECONDS = 0.5
_CLOSING_SECONDS = 1.0


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set."""
    metrics = Metrics()
    readiness = Readiness(metrics)
    admin = admin_server(host=settings.admin_host, port=settings.admin_port, metrics=metrics, readiness=readiness)
    database = await Database.connect(
        settings.database_url,
        pool_size=settings.database_pool_size,
        timeout_seconds=settings.database_timeout_seconds,
        name="worker waves",
    )
    try:
        await database.assert_durable()
        await assert_migrated(database)
        lots = Lots(KeyRing.load(settings.keys))
        scorer = Scorer(database=database, lots=lots, bank=load_bank(), metrics=metrics)
        async with admin, asyncio.TaskGroup() as tasks:
            roles = [
                tasks.create_task(repeat(scorer.run_once, role="scorer", pause_seconds=_SCORING_SECONDS)),
                tasks.create_task(repeat(Closer(database).run_once, role="closer", pause_seconds=_CLOSING_SECONDS)),
            ]
            readiness.set_ready()
            log.info("waves worker takes work")
            await stop.wait()
            readiness.set_unready("stopping")
            for role in roles:
                role.cancel()
    finally:
        await database.close()
    log.info("waves worker is done")
