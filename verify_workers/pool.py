"""One worker of one kind put together, started, and stopped in order.

Stopping: unready, nothing new is fetched, work in hand finishes within the grace period and its outcomes are written,
the rest is handed back without charging an attempt, connections close.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from monitoring.admin import Readiness, admin_server
from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.clock import SystemClock
from registration.errors import Retryable
from registration.handles import Challenges
from registration.photos.shelf import Shelf
from registration.pulse import Pulse, feel_event_loop, show_surroundings
from registration.registry import Registry
from registration.runtime import repeat
from registration.sealing import LOOK_SECONDS, KeyRing, KeyRingSource, Sealer
from registration.settings import Settings, SettingsError, describe
from registration.store.database import Database
from registration.store.migrate import assert_migrated
from registration.streams import keys
from registration.streams.claims import Claims
from registration.streams.streams import Streams
from verify_workers.bookkeeper import Bookkeeper
from verify_workers.census import Census
from verify_workers.completer import Completer
from verify_workers.dead_letter_cap import DeadLetterCap
from verify_workers.fetcher import Fetcher
from verify_workers.kinds.checker import Checker
from verify_workers.kinds.email import EmailChecker
from verify_workers.kinds.phone import PhoneChecker
from verify_workers.kinds.photo import PhotoChecker
from verify_workers.kinds.registry import RegistryChecker
from verify_workers.lease import RENEWALS_PER_LEASE, LeaseRenewer
from verify_workers.ministry.breaker import BreakerPolicy
from verify_workers.ministry.ceiling import split
from verify_workers.ministry.gate import Gate
from verify_workers.ministry.quota import LOOK_SECONDS as QUOTA_LOOK_SECONDS
from verify_workers.ministry.quota import DailyQuota
from verify_workers.ministry.shareholder import Shareholder
from verify_workers.ministry.steering import Steering
from verify_workers.pause import PAUSE_LOOK_SECONDS, PauseSwitch
from verify_workers.photos.decoder import Decoder
from verify_workers.photos.sweeper import SWEEP_SECONDS, Sweeper
from verify_workers.processor import Processor
from verify_workers.relay import Relay
from verify_workers.rescuer import Rescuer
from verify_workers.scheduler import Duty, Scheduler

log = structlog.get_logger(__name__)

_CENSUS_SECONDS = 5.0
_LOOKING_RESTS = 20.0  # times as long as it looks at whole tables: a twentieth of one of PostgreSQL's processors
_RESCUE_SECONDS = 1.0
_FLUSH_SECONDS = 1.0
_QUOTA_PROBE_SECONDS = 300.0


class Pool:
    """The roles of one worker, over shared connections."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        kind: Kind,
        settings: Settings,
        database: Database,
        streams: Streams,
        checker: Checker,
        shareholder: Shareholder | None,
        ring: KeyRing,
        metrics: Metrics,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._shareholder = shareholder
        names = keys.streams(kind)
        consumer = settings.consumer
        self._settings = settings
        self._tasks = tasks
        self._taking: list[asyncio.Task[None]] = []
        self._finishing: list[asyncio.Task[None]] = []
        self._sealer = Sealer(ring, KeyRingSource(settings.keys))
        metrics.sealing_key.set_function(lambda: float(self._sealer.newest))
        self.completer = Completer(
            kind=kind,
            settings=settings,
            database=database,
            streams=streams,
            cap=DeadLetterCap(share=settings.dead_letter_share, monotonic=time.monotonic),
            metrics=metrics,
        )
        self.pause = PauseSwitch(kind=kind, database=database, metrics=metrics)
        self.processor = Processor(
            kind=kind,
            settings=settings,
            database=database,
            sealer=self._sealer,
            checker=checker,
            completer=self.completer,
            pause=self.pause,
            admitted=shareholder.gate.room if shareholder else lambda _loading: settings.concurrency,
            metrics=metrics,
            tasks=tasks,
        )
        if shareholder:
            shareholder.gate.changed = self.processor.look_again
            self.pause.told = shareholder.gate.pause
        registry = settings.registries.get(kind)
        self.quota = (
            DailyQuota(registry=registry, database=database, gate=shareholder.gate, metrics=metrics)
            if shareholder and registry and registry.daily_quota
            else None
        )
        metrics.in_flight.labels(kind).set_function(lambda: float(len(self.processor.entries)))
        self.fetcher = Fetcher(streams=streams, stream_names=names, consumer=consumer, processor=self.processor)
        self.leases = LeaseRenewer(streams=streams, consumer=consumer, processor=self.processor, checker=checker)
        self.rescuer = Rescuer(
            kind=kind,
            settings=settings,
            database=database,
            streams=streams,
            stream_names=names,
            processor=self.processor,
            completer=self.completer,
            metrics=metrics,
        )
        self.relay = Relay(kind=kind, settings=settings, database=database, streams=streams)
        self.census = Census(
            kind=kind,
            daily_quota=registry.daily_quota if registry else 0,
            database=database,
            streams=streams,
            stream_names=names,
            metrics=metrics,
        )
        self.books = Bookkeeper(
            asks_students=settings.asks_students, database=database, streams=streams, metrics=metrics
        )
        self.pulse = Pulse(database=database, streams=streams, metrics=metrics)
        self._metrics = metrics
        self.sweeper = Sweeper(database=database, shelf=Shelf.of(settings)) if kind is Kind.PHOTO else None
        self._scheduler = Scheduler(streams=streams, holder=consumer, scope=kind)
        self._common = Scheduler(streams=streams, holder=f"{kind}:{consumer}", scope="all")

    def start(self) -> None:
        """Start every role."""
        settings = self._settings
        finishing, taking = self._finishing, self._taking
        self._role(finishing, "completer", self.completer.run)
        self._role(finishing, "leases", self.leases.run_once, settings.lease_seconds / RENEWALS_PER_LEASE)
        if self._shareholder:
            self._role(finishing, "shareholder", self._shareholder.run_once)
        if self.quota:
            self._role(finishing, "quota", self.quota.run_once, QUOTA_LOOK_SECONDS)
        self._role(taking, "fetcher", self.fetcher.run_once, first=self._recover)
        self._role(taking, "rescuer", self.rescuer.run_once, min(_RESCUE_SECONDS, settings.lease_seconds / 2))
        self._role(taking, "pause", self.pause.run_once, PAUSE_LOOK_SECONDS)
        self._role(taking, "keys", self._sealer.look, LOOK_SECONDS)
        duties = [
            Duty("relay", settings.relay_interval_seconds, self.relay.run_once),
            Duty("census", _CENSUS_SECONDS, self.census.run_once, _LOOKING_RESTS),
        ]
        if self.sweeper:
            duties.append(Duty("sweeper", SWEEP_SECONDS, self.sweeper.run_once))
        for duty in duties:
            self._role(taking, duty.name, lambda duty=duty: self._scheduler.run_once(duty), duty.interval_seconds)  # type: ignore[misc]  # the default binds the loop's duty
        books = Duty("books", settings.books_interval_seconds, self.books.run_once, _LOOKING_RESTS)
        self._role(taking, "books", lambda: self._common.run_once(books), books.interval_seconds)
        self._role(finishing, "pulse", self.pulse.run_once, self._settings.pulse_seconds)
        self._role(finishing, "loop", lambda: feel_event_loop(self._metrics), self._settings.pulse_seconds)

    async def stop(self) -> None:
        """Stop every role, in the order of this module's first lines."""
        await _cancel(self._taking)
        await self.processor.finish(self._settings.drain_seconds - _FLUSH_SECONDS)
        await _cancel(self._finishing)
        with suppress(Retryable):
            await self.leases.hand_back()
        if self._shareholder:
            await self._shareholder.leave()
        if self.quota:
            await self.quota.leave()

    async def _recover(self) -> None:
        """Take up what an earlier life of this worker held, without what kept killing it."""
        await self.rescuer.recover()
        await self.fetcher.recover()

    def _role(
        self,
        roles: list[asyncio.Task[None]],
        name: str,
        body: Callable[[], Awaitable[None]],
        pause_seconds: float = 0.0,
        *,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Start a loop, as one of `roles`."""

        async def run() -> None:
            if first is not None:
                with suppress(Retryable):  # whatever it could not take up expires and is rescued
                    await first()
            await repeat(body, role=name, pause_seconds=pause_seconds)

        roles.append(self._tasks.create_task(run(), name=name))


async def serve(kind: Kind, settings: Settings, stop: asyncio.Event) -> None:
    """Run one worker until `stop` is set."""
    if kind is Kind.STUDENT and kind not in settings.registries:
        raise SettingsError(f"{describe('student_url').variable} is not set: nobody is asked whether people study")
    metrics = Metrics()
    show_surroundings(settings, metrics)
    readiness = Readiness(metrics, kind)
    admin = admin_server(host=settings.admin_host, port=settings.admin_port, metrics=metrics, readiness=readiness)
    outside = connections(kind, settings, metrics)
    async with admin, outside as (database, streams, checker, shareholder), asyncio.TaskGroup() as tasks:
        pool = Pool(
            kind=kind,
            settings=settings,
            database=database,
            streams=streams,
            checker=checker,
            shareholder=shareholder,
            ring=KeyRing.load(settings.keys),
            metrics=metrics,
            tasks=tasks,
        )
        pool.start()
        readiness.set_ready()
        log.info("worker takes work", kind=kind, consumer=settings.consumer)
        await stop.wait()
        readiness.set_unready("stopping")
        await pool.stop()
    log.info("worker is done", kind=kind)


@asynccontextmanager
async def connections(
    kind: Kind, settings: Settings, metrics: Metrics
) -> AsyncIterator[tuple[Database, Streams, Checker, Shareholder | None]]:
    """What a worker of this kind speaks to; who asks a registry does so within a share."""
    database = await Database.connect(
        settings.database_url,
        pool_size=settings.database_pool_size,
        timeout_seconds=settings.database_timeout_seconds,
        name=f"worker {kind}",
    )
    streams = Streams(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds, cap=settings.stream_cap)
    registry = settings.registries.get(kind)
    shareholder = _shareholder(settings, registry, streams, metrics) if registry else None
    checker = (
        _asker(settings, registry, streams, shareholder.gate)
        if registry and shareholder
        else _sender(kind, settings, database)
    )
    try:
        await database.assert_durable()
        await assert_migrated(database)
        yield database, streams, checker, shareholder
    finally:
        await checker.close()
        await streams.close()
        await database.close()


def _shareholder(settings: Settings, registry: Registry, streams: Streams, metrics: Metrics) -> Shareholder:
    """What holds this worker's share of the registry's ceiling, with the gate that keeps to it."""
    ceiling = split(registry)
    metrics.ministry_rate_ceiling.labels(registry.kind).set(registry.rate_per_second)
    metrics.ministry_concurrency_ceiling.labels(registry.kind).set(registry.concurrency)
    return Shareholder(
        kind=registry.kind,
        terms=ceiling.terms,
        slot=settings.consumer,
        most_in_flight=settings.concurrency,
        streams=streams,
        gate=Gate(static_slots=ceiling.static_slots, static_spacing_seconds=ceiling.static_spacing_seconds),
        steering=Steering(
            kind=registry.kind,
            ceiling_slots=ceiling.terms.ceiling_slots,
            policy=BreakerPolicy(quota_probe_seconds=min(_QUOTA_PROBE_SECONDS, registry.quota_wait_seconds)),
            metrics=metrics,
        ),
        metrics=metrics,
    )


def _asker(settings: Settings, registry: Registry, streams: Streams, gate: Gate) -> Checker:
    claims = Claims(streams, kind=registry.kind, holder=settings.consumer, lease_seconds=settings.lease_seconds)
    return RegistryChecker(settings, registry, claims=claims, gate=gate, clock=SystemClock())


def _sender(kind: Kind, settings: Settings, database: Database) -> Checker:
    ring = KeyRing.load(settings.keys)
    challenges = Challenges(ring)
    if kind is Kind.PHOTO:
        sealer = Sealer(ring, KeyRingSource(settings.keys))
        return PhotoChecker(
            database=database, shelf=Shelf.of(settings), sealer=sealer, decoder=Decoder(at_once=settings.photo_decoders)
        )
    if kind is Kind.EMAIL:
        return EmailChecker(settings, challenges, SystemClock())
    return PhoneChecker(settings=settings, challenges=challenges, ring=ring, database=database)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
