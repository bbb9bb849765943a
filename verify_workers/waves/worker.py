"""The waves worker put together, started, and stopped: its roles hold nothing that PostgreSQL does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from monitoring.admin import Readiness, admin_server
from monitoring.metrics import Metrics
from registration.assessment import load_bank
from registration.clock import SystemClock
from registration.handles import Handles
from registration.lots import Lots
from registration.pulse import Pulse, feel_event_loop, show_surroundings
from registration.runtime import repeat
from registration.sealing import LOOK_SECONDS, KeyRing, KeyRingSource, Sealer
from registration.settings import Settings
from registration.store.database import Database
from registration.store.migrate import assert_migrated
from verify_workers.mail.client import MailClient
from verify_workers.sms_gateway import SmsGateway
from verify_workers.waves.announcer import Announcer
from verify_workers.waves.census import StagesCensus
from verify_workers.waves.closer import Closer
from verify_workers.waves.scorer import Scorer

log = structlog.get_logger(__name__)

_SCORING_SECONDS = 0.5
_CLOSING_SECONDS = 1.0
_ANNOUNCING_SECONDS = 0.5
_CENSUS_SECONDS = 5.0


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set."""
    metrics = Metrics()
    show_surroundings(settings, metrics)
    readiness = Readiness(metrics, "waves")
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
        ring = KeyRing.load(settings.keys)
        sealer = Sealer(ring, KeyRingSource(settings.keys))
        metrics.sealing_key.set_function(lambda: float(sealer.newest))
        scorer = Scorer(database=database, lots=Lots(ring), bank=load_bank(), metrics=metrics)
        announcing = _announcer(settings, database, sealer=sealer, handles=Handles(ring), metrics=metrics)
        async with admin, announcing as announcer, asyncio.TaskGroup() as tasks:
            census = StagesCensus(database=database, metrics=metrics)
            pulse = Pulse(database=database, streams=None, metrics=metrics)
            roles = [
                tasks.create_task(repeat(pulse.run_once, role="pulse", pause_seconds=settings.pulse_seconds)),
                tasks.create_task(
                    repeat(lambda: feel_event_loop(metrics), role="loop", pause_seconds=settings.pulse_seconds)
                ),
                tasks.create_task(repeat(scorer.run_once, role="scorer", pause_seconds=_SCORING_SECONDS)),
                tasks.create_task(repeat(Closer(database).run_once, role="closer", pause_seconds=_CLOSING_SECONDS)),
                tasks.create_task(repeat(census.run_once, role="census", pause_seconds=_CENSUS_SECONDS)),
                tasks.create_task(repeat(sealer.look, role="keys", pause_seconds=LOOK_SECONDS)),
            ]
            if announcer is not None:
                announce = repeat(announcer.run_once, role="announcer", pause_seconds=_ANNOUNCING_SECONDS)
                roles.append(tasks.create_task(announce))
            readiness.set_ready()
            log.info("waves worker takes work")
            await stop.wait()
            readiness.set_unready("stopping")
            for role in roles:
                role.cancel()
    finally:
        await database.close()
    log.info("waves worker is done")


@asynccontextmanager
async def _announcer(
    settings: Settings, database: Database, *, sealer: Sealer, handles: Handles, metrics: Metrics
) -> AsyncIterator[Announcer | None]:
    """The announcer with its connections; None where mail and SMS have no address, so that there is nobody to tell."""
    if not settings.smtp_url or not settings.sms_url:
        yield None
        return
    mail, sms = MailClient(settings), SmsGateway(settings)
    try:
        yield Announcer(
            settings=settings,
            database=database,
            sealer=sealer,
            handles=handles,
            mail=mail,
            sms=sms,
            clock=SystemClock(),
            metrics=metrics,
        )
    finally:
        await mail.close()
        await sms.close()
