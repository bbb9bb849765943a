"""The front door put together, started, and stopped in order.

Stopping: unready, then the drain (`ingest/draining.py`), the shortcut is flushed, pools close. A registration is either
answered 202 and committed, or its client has no answer and asks again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog

from ingest import openapi
from ingest.admission import Admission
from ingest.answering import Answering
from ingest.answers import Answers
from ingest.corrections import Corrections
from ingest.desk import Desk, Office
from ingest.forecast import LOOK_SECONDS as FORECAST_SECONDS
from ingest.forecast import Forecast
from ingest.handlers.api import Api
from ingest.handlers.pages import PageHandlers
from ingest.handlers.participation_api import ParticipationApi
from ingest.handlers.participation_pages import ParticipationPages
from ingest.handlers.photos import PhotoHandlers
from ingest.handlers.receipts import Receipts
from ingest.intake import Intake
from ingest.limits import SHARE_SECONDS, Limits
from ingest.origin import FormTokens
from ingest.pages import Pages
from ingest.participation import Participation
from ingest.photos import Photos
from ingest.request_log import RequestLog
from ingest.routes import routes
from ingest.server import listening
from ingest.shortcut import OFFER_SECONDS, Shortcut
from ingest.statuses import Statuses
from monitoring.admin import Readiness, admin_server
from monitoring.metrics import Metrics
from registration.assessment import load_bank
from registration.clock import SystemClock
from registration.digests import Digests
from registration.handles import Challenges, Handles
from registration.lots import Lots
from registration.pulse import Pulse, show_surroundings
from registration.runtime import repeat
from registration.sealing import LOOK_SECONDS, KeyRing, KeyRingSource, Sealer
from registration.settings import Settings
from registration.store.database import Database, DriverUUID
from registration.store.migrate import assert_migrated
from registration.streams.streams import Streams

log = structlog.get_logger(__name__)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the front door until `stop` is set."""
    metrics = Metrics()
    show_surroundings(settings, metrics)
    readiness = Readiness(metrics, "door")
    desk = Desk(settings, metrics)
    admin = admin_server(
        host=settings.admin_host,
        port=settings.admin_port,
        metrics=metrics,
        readiness=readiness,
        more=desk.routes if settings.desk else (),
    )
    async with admin, _connections(settings) as (database, streams), asyncio.TaskGroup() as tasks:
        source = KeyRingSource(settings.keys)
        ring = source.read()
        sealer = Sealer(ring, source)
        metrics.sealing_key.set_function(lambda: float(sealer.newest))
        shortcut = Shortcut(streams, metrics)
        admission = Admission(
            target_seconds=settings.admission_target_seconds,
            retry_after_seconds=settings.retry_after_seconds,
            metrics=metrics,
        )
        limits = Limits(settings=settings, ring=ring, streams=streams, metrics=metrics)
        digests = Digests(ring, make_id=DriverUUID)
        clock = SystemClock()
        intake = Intake(
            settings=settings,
            database=database,
            shortcut=shortcut,
            admission=admission,
            limits=limits,
            sealer=sealer,
            digests=digests,
            clock=clock,
            metrics=metrics,
        )
        corrections = Corrections(
            database=database,
            shortcut=shortcut,
            limits=limits,
            sealer=sealer,
            digests=digests,
            clock=clock,
            metrics=metrics,
        )
        photos = Photos(
            settings=settings, database=database, shortcut=shortcut, limits=limits, sealer=sealer, ring=ring
        )
        statuses = Statuses(settings, database)
        answers = Answers(
            recheck_seconds=settings.student_recheck_seconds,
            database=database,
            shortcut=shortcut,
            challenges=Challenges(ring),
        )
        desk.open(Office(database=database, answers=answers, sealer=sealer, handles=Handles(ring)))
        forecast = Forecast(database, streams)
        participation = Participation(
            settings=settings, database=database, lots=Lots(ring), bank=load_bank(), metrics=metrics
        )
        answering = _answering(
            settings,
            metrics,
            ring=ring,
            intake=intake,
            answers=answers,
            corrections=corrections,
            statuses=statuses,
            forecast=forecast,
            participation=participation,
            photos=photos,
        )
        background = [tasks.create_task(intake.run_writer()) for _ in range(settings.batch_writers)]
        roles = (intake.run_finder(), statuses.run(), participation.run_writer(), admission.run())
        background += [tasks.create_task(role) for role in roles]
        background.append(tasks.create_task(repeat(shortcut.run_once, role="shortcut", pause_seconds=OFFER_SECONDS)))
        background.append(tasks.create_task(repeat(limits.run_once, role="limits", pause_seconds=SHARE_SECONDS)))
        background.append(tasks.create_task(repeat(sealer.look, role="keys", pause_seconds=LOOK_SECONDS)))
        background.append(tasks.create_task(repeat(forecast.run_once, role="forecast", pause_seconds=FORECAST_SECONDS)))
        pulse = Pulse(database=database, streams=streams, metrics=metrics)
        background.append(tasks.create_task(repeat(pulse.run_once, role="pulse", pause_seconds=settings.pulse_seconds)))
        async with listening(answering, admission, settings):
            readiness.set_ready()
            log.info("front door is open", port=settings.port)
            await stop.wait()
            readiness.set_unready("stopping")
            asked_at = time.monotonic()
        for task in background:
            task.cancel()
        await shortcut.flush()
    log.info("front door is closed", seconds=round(time.monotonic() - asked_at, 3))


@asynccontextmanager
async def _connections(settings: Settings) -> AsyncIterator[tuple[Database, Streams]]:
    database = await Database.connect(
        settings.database_url,
        pool_size=settings.database_pool_size,
        timeout_seconds=settings.database_timeout_seconds,
        name="ingest",
    )
    streams = Streams(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds, cap=settings.stream_cap)
    try:
        await database.assert_durable()
        await assert_migrated(database)
        yield database, streams
    finally:
        await streams.close()
        await database.close()


def _answering(  # noqa: PLR0913 - it hands every handler what it needs
    settings: Settings,
    metrics: Metrics,
    *,
    ring: KeyRing,
    intake: Intake,
    answers: Answers,
    corrections: Corrections,
    statuses: Statuses,
    forecast: Forecast,
    participation: Participation,
    photos: Photos,
) -> Answering:
    pages = Pages()
    handles = Handles(ring)
    programs = Api(
        settings=settings,
        intake=intake,
        answers=answers,
        corrections=corrections,
        statuses=statuses,
        handles=handles,
        openapi=msgspec.json.encode(openapi.document()),
    )
    receipts = Receipts(
        settings=settings,
        answers=answers,
        corrections=corrections,
        statuses=statuses,
        handles=handles,
        pages=pages,
        forecast=forecast,
    )
    router = routes(
        programs=programs,
        people=PageHandlers(
            settings=settings,
            intake=intake,
            answers=answers,
            handles=handles,
            pages=pages,
            tokens=FormTokens(ring),
        ),
        receipts=receipts,
        photos=PhotoHandlers(photos=photos, receipts=receipts, status=programs.status, handles=handles),
        participation_api=ParticipationApi(settings=settings, participation=participation, handles=handles),
        participation_pages=ParticipationPages(
            settings=settings, participation=participation, handles=handles, pages=pages
        ),
    )
    return Answering(
        router=router,
        pages=pages,
        metrics=metrics,
        request_log=RequestLog(settings.request_log_every),
        retry_after_seconds=settings.retry_after_seconds,
    )
