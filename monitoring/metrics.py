"""Every metric, declared once: name with unit, help, closed labels, nothing personal.

A process makes one `Metrics` and hands it to whoever counts. docs/metrics.md is generated from here.
"""

import importlib.metadata
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.fleeting import FleetingGauge
from monitoring.tally import RequestTally

NAMESPACE = "gelombang"
_REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# How long a value stands that one process sees for all: a few of the looks by which it is set.
_CENSUS_LIFE_SECONDS = 20.0  # looks are 5 s apart
_STEERING_LIFE_SECONDS = 10.0  # several a second
_BOOKS_LIFE_SECONDS = 200.0  # a minute apart


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.build = Info("build", "Version of the program", namespace=NAMESPACE, registry=self.registry)
        self.build.info({"version": importlib.metadata.version("gelombang")})
        self._declare_front_door()
        self._declare_workers()
        self._declare_ministry()
        self._declare_waves()
        self._declare_books()
        self._declare_shared()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _declare_front_door(self) -> None:
        self.requests = RequestTally(f"{NAMESPACE}_http", _REQUEST_SECONDS)
        self.registry.register(self.requests)
        self.registrations = self._counter("registrations", "Registrations by what came of them", ["outcome"])
        self.corrections = self._counter("corrections", "Checks that applicants corrected after a rejection", ["kind"])
        self.commit_size = self._histogram("commit_size", "Items in one group commit", _BATCH_SIZES, ["of"])
        self.commit_wait_seconds = self._histogram(
            "commit_wait_seconds", "Wait of a batch's oldest item before its commit began", _COMMIT_SECONDS, ["of"]
        )
        self.refused = self._counter("refused", "Registrations refused since they would wait too long", ["queue"])
        self.limited = self._counter("limited", "Registrations refused by a limit", ["limit"])
        self.shortcut_lost = self._counter(
            "shortcut_lost", "Registrations left to the relay, since Valkey did not take them", []
        )

    def _declare_workers(self) -> None:
        self.attempts = self._counter("attempts", "Pieces of work tried", ["kind", "result"])
        self.attempt_seconds = self._histogram(
            "attempt_seconds", "Duration of a try, the call to the outside included", _REQUEST_SECONDS, ["kind"]
        )
        self.verdicts = self._counter("verdicts", "Verdicts recorded", ["kind", "state", "reason"])
        self.delays = self._counter("delays", "Work put off by trouble of the system", ["kind", "cause"])
        self.held_back = self._counter(
            "held_back", "Retries put off uncharged, since too few calls are answered", ["kind"]
        )
        self.stale = self._counter("stale_writes", "Outcomes that came too late and changed nothing", ["kind"])
        self.rescued = self._counter("rescued", "Entries taken over from a consumer without a sign of life", ["kind"])
        self.in_flight = self._gauge("in_flight", "Entries being worked on", ["kind"])
        self.backlog = self._census("backlog", "Open checks in PostgreSQL", ["kind"])
        self.goodput = self._census("goodput", "Verdicts per second of all workers, over the last minute", ["kind"])
        self.backlog_done_seconds = self._census(
            "backlog_done_seconds", "When what is open now will be done at that rate; NaN when it will not", ["kind"]
        )
        self.paused = self._gauge("paused", "1 while a kind is paused", ["kind"])
        self.set_aside = self._census("set_aside", "Open checks that wait as dead letters", ["kind"])
        self.oldest_due_seconds = self._census("oldest_due_seconds", "Wait of the oldest check that is due", ["kind"])
        self.stream_length = self._census("stream_length", "Entries in a stream", ["stream"])
        self.stream_pending = self._census("stream_pending", "Entries held by a consumer", ["stream"])
        self.stream_mended = self._counter(
            "stream_mended", "Ids by which a stream and its outstanding set differed", ["stream"]
        )

    def _declare_ministry(self) -> None:
        """Of each registry, by the kind that asks it."""
        self.ministry_slots = self._gauge(
            "ministry_slots", "Calls to the registry that this worker may have under way", ["kind"]
        )
        self.ministry_calls_in_flight = self._gauge(
            "ministry_calls_in_flight", "Calls to the registry under way in this worker", ["kind"]
        )
        self.ministry_starts = self._counter(
            "ministry_starts", "Times to start a call that were leased to this worker, used or not", ["kind"]
        )
        self.ministry_limit = self._gauge(
            "ministry_limit", "Calls to the registry that all workers together may have under way now", ["kind"]
        )
        self.ministry_base_seconds = self._steering(
            "ministry_base_seconds",
            "Latency of a registry that nobody waits for, as the worker that steers knows it",
            ["kind"],
        )
        self.ministry_goodput = self._steering(
            "ministry_goodput", "Answers of the registry per second, as the worker that steers sees them", ["kind"]
        )
        self.ministry_breaker = self._steering(
            "ministry_breaker", "1 for the breaker's state, as the worker that steers has it", ["kind", "state"]
        )
        self.ministry_stopped = self._steering(
            "ministry_stopped",
            "1 for the cause for which no calls go out, as the worker that steers has it",
            ["kind", "cause"],
        )
        self.ministry_rate_ceiling = self._gauge(
            "ministry_rate_ceiling", "Calls to the registry in any second, at most, by contract", ["kind"]
        )
        self.ministry_concurrency_ceiling = self._gauge(
            "ministry_concurrency_ceiling", "Calls to the registry under way at once, at most, by contract", ["kind"]
        )
        self.ministry_quota_left = self._gauge(
            "ministry_quota_left", "Calls of the day's quota that no worker has leased yet; none without one", ["kind"]
        )
        self.ministry_quota_ends_seconds = self._census(
            "ministry_quota_ends_seconds", "When the quota will be used up at that rate; NaN when it lasts", ["kind"]
        )
        self.ministry_closed_seconds = self._gauge(
            "ministry_closed_seconds", "How long the registry still asks to be left alone (Retry-After)", ["kind"]
        )
        self.ministry_surplus = self._gauge(
            "ministry_surplus", "1 while there are more workers than the ceiling is for and this is one", ["kind"]
        )

    def _declare_waves(self) -> None:
        self.scored = self._counter("tests_scored", "Tests scored", [])
        self.joins = self._counter("joins", "Tries to join a wave, by what came of them", ["outcome"])
        self.oldest_unscored_seconds = self._census(
            "oldest_unscored_seconds", "Wait of the oldest test that has ended and has no score", []
        )
        self.announcements_waiting = self._census(
            "announcements_waiting",
            "Messages not sent: planned for later, due, or overdue (a minute late, or tried in vain)",
            ["channel", "state"],
        )
        self.announcements = self._counter(
            "announcements", "Messages that tell a wave's result, by what came of a try", ["channel", "result"]
        )

    def _declare_books(self) -> None:
        """Set by the one worker that keeps the books."""
        self.people = self._books("people", "Registrations that came so far: the funnel", ["stage"])
        self.checks = self._books("checks", "Checks by state: the ledger", ["kind", "state"])
        self.ledger_discrepancies = self._books(
            "ledger_discrepancies", "Registrations for which the books contradict each other; 0 when all is sound", []
        )
        self.database_bytes = self._books("database_bytes", "Size of the database", [])
        self.database_sessions = self._books("database_sessions", "Sessions on the PostgreSQL server", [])
        self.database_sessions_limit = self._books("database_sessions_limit", "Sessions it allows at most", [])
        self.valkey_memory_bytes = self._books("valkey_memory_bytes", "Memory that Valkey uses", [])

    def _declare_shared(self) -> None:
        self.needed = self._gauge("needed", "1 for a check without which nobody is complete", ["kind"])
        self.dependency_up = self._gauge(
            "dependency_up", "1 while PostgreSQL or Valkey answers this process", ["dependency"]
        )
        self.dependency_seconds = self._gauge(
            "dependency_seconds", "How long its answer to a trifle took", ["dependency"]
        )
        self.database_connections = self._gauge(
            "database_connections", "Connections of this process to PostgreSQL", ["state"]
        )
        self.event_loop_lag_seconds = self._gauge("event_loop_lag_seconds", "How late the event loop comes round", [])
        self.disk_free_bytes = self._gauge("disk_free_bytes", "Room on the disk of GELOMBANG_DATA_DIRECTORY", [])
        self.disk_size_bytes = self._gauge("disk_size_bytes", "Size of that disk", [])
        self.proven_rate = self._gauge(
            "proven_rate", "Registrations per second of the newest capacity proof (GELOMBANG_PROVEN_RATE)", []
        )
        self.proven_at_seconds = self._gauge(
            "proven_at_seconds", "When that was proven, in seconds since 1970 (GELOMBANG_PROVEN_AT)", []
        )
        self.bugs = self._counter("bugs", "Unexpected errors", ["where"])
        self.sealing_key = self._gauge("sealing_key", "Id of the newest sealing key that this process has", [])
        self.ready = self._gauge("ready", "1 while this process takes work", ["role"])

    def _census(self, name: str, text: str, labels: Sequence[str]) -> FleetingGauge:
        return self._fleeting(name, text, labels, _CENSUS_LIFE_SECONDS)

    def _steering(self, name: str, text: str, labels: Sequence[str]) -> FleetingGauge:
        return self._fleeting(name, text, labels, _STEERING_LIFE_SECONDS)

    def _books(self, name: str, text: str, labels: Sequence[str]) -> FleetingGauge:
        return self._fleeting(name, text, labels, _BOOKS_LIFE_SECONDS)

    def _fleeting(self, name: str, text: str, labels: Sequence[str], life_seconds: float) -> FleetingGauge:
        gauge = FleetingGauge(f"{NAMESPACE}_{name}", text, labels, life_seconds=life_seconds)
        self.registry.register(gauge)
        return gauge

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(name, text, labels, namespace=NAMESPACE, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:
        return Gauge(name, text, labels, namespace=NAMESPACE, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], labels: Sequence[str]) -> Histogram:
        return Histogram(name, text, labels, namespace=NAMESPACE, registry=self.registry, buckets=buckets)
