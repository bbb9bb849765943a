"""A history that is made up: every metric of a sound system over some hours, and what each fault changes of it.

One world serves the tests of rules (as promtool's series) and of dashboards (as an OpenMetrics file).
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
DOORS = ("ingest-1", "ingest-2")
KINDS = ("nik", "email", "phone", "student")
REGISTRIES = ("nik", "student")
WORKERS = tuple(f"worker-{kind}-{slot}" for kind in KINDS for slot in (1, 2))
ALL = (*DOORS, *WORKERS, "worker-waves")
BUCKETS = ("0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "+Inf")
POST = "POST /api/v1/registrations"
JOIN = "POST /api/v1/registrations/{handle}/join"


def key(name: str, **labels: str) -> Key:
    """A series' name and labels."""
    return name, tuple(sorted(labels.items()))


def role(process: str) -> str:
    """What a process of this name does."""
    return "door" if process in DOORS else process.split("-")[1]


@dataclass
class History:
    """Values by series, one every `step` seconds; None is no sample."""

    step: int
    count: int
    series: dict[Key, list[float | None]] = field(default_factory=dict)

    def gauge(self, name: str, value: float | Callable[[float], float], **labels: str) -> None:
        """A value, or what it is at each second."""
        found = value if callable(value) else lambda _t: value
        self.series[key(name, **labels)] = [found(index * self.step) for index in range(self.count)]

    def counter(self, name: str, rate: float | Callable[[float], float], **labels: str) -> None:
        """What a counter shows that grows at this rate."""
        total = 0.0
        values: list[float | None] = []
        for index in range(self.count):
            values.append(round(total, 3))
            total += (rate(index * self.step) if callable(rate) else rate) * self.step
        self.series[key(name, **labels)] = values

    def histogram(self, name: str, rate: Callable[[float], float], *, typical: float, **labels: str) -> None:
        """Durations around what is typical: nine tenths below its double, all below its eightfold."""
        for bound in BUCKETS:
            limit = math.inf if bound == "+Inf" else float(bound)
            share = 1.0 if limit >= 8 * typical else 0.9 if limit >= 2 * typical else 0.5 if limit >= typical else 0.0
            self.counter(f"{name}_bucket", lambda t, share=share: rate(t) * share, le=bound, **labels)  # type: ignore[misc]
        self.counter(f"{name}_count", rate, **labels)
        self.counter(f"{name}_sum", lambda t: rate(t) * typical, **labels)

    def drop(self, name: str, labels: Mapping[str, str], *, since: float = 0, until: float = math.inf) -> None:
        """No samples of what has these labels."""
        for found, values in self._matching(name, labels):
            self.series[found] = [
                None if since <= index * self.step < until else value for index, value in enumerate(values)
            ]

    def put(self, name: str, labels: Mapping[str, str], value: float, *, since: float) -> None:
        """Another value for what has these labels."""
        for found, values in self._matching(name, labels):
            self.series[found] = [value if since <= index * self.step else old for index, old in enumerate(values)]

    def promtool(self, names: frozenset[str]) -> Iterator[Mapping[str, str]]:
        """The series of these metrics as promtool's tests write them."""
        for (name, labels), values in self.series.items():
            if name in names:
                text = ",".join(f'{label}="{value}"' for label, value in labels)
                yield {"series": f"{name}{{{text}}}", "values": _notation(values)}

    def openmetrics(self, began_at: float) -> str:
        """The text that `promtool tsdb create-blocks-from openmetrics` takes."""
        lines = []
        for (name, labels), values in self.series.items():
            text = ",".join(f'{label}="{value}"' for label, value in labels)
            lines += [
                f"{name}{{{text}}} {value:g} {began_at + index * self.step:.0f}"
                for index, value in enumerate(values)
                if value is not None
            ]
        return "\n".join([*lines, "# EOF", ""])

    def _matching(self, name: str, labels: Mapping[str, str]) -> list[tuple[Key, list[float | None]]]:
        return [
            (found, values)
            for found, values in self.series.items()
            if found[0] == name and set(labels.items()) <= set(found[1])
        ]


def _notation(values: Sequence[float | None]) -> str:
    """The short form of promtool where nothing changes."""
    if len(set(values)) == 1 and values[0] is not None:
        return f"{values[0]:g}+0x{len(values) - 1}"
    return " ".join("_" if value is None else f"{value:.10g}" for value in values)


def sound(*, step: int, seconds: int, rate: Callable[[float], float] = lambda _t: 5.0, seed: int = 1) -> History:
    """A system to which people come at `rate`, and in which all is well."""
    history = History(step=step, count=seconds // step + 1)
    chance = random.Random(seed)  # noqa: S311 - a fixed world
    _processes(history)
    _door(history, rate)
    for kind in KINDS:
        _kind(history, kind, rate, chance)
    for kind in REGISTRIES:
        _registry(history, kind, rate)
    _books(history, rate)
    return history


def _processes(history: History) -> None:
    for process in ALL:
        where = {"job": "gelombang", "instance": process}
        history.gauge("up", 1, **where)
        history.gauge("gelombang_ready", 1, role=role(process), **where)
        history.gauge("gelombang_build_info", 1, version="0.1.0", **where)
        history.gauge("gelombang_proven_rate", 1_400, **where)
        history.gauge("gelombang_proven_at_seconds", 1, **where)
        history.gauge("gelombang_disk_free_bytes", 60e9, **where)
        history.gauge("gelombang_disk_size_bytes", 100e9, **where)
        history.gauge("gelombang_event_loop_lag_seconds", lambda t: 0.002 + 0.001 * math.sin(t / 600), **where)
        history.gauge("gelombang_sealing_key", 1, **where)
        for kind in KINDS:
            history.gauge("gelombang_needed", 1, kind=kind, **where)
        history.gauge("process_resident_memory_bytes", 120e6, **where)
        history.counter("process_cpu_seconds_total", 0.2, **where)
        for state, count in (("busy", 1), ("idle", 2)):
            history.gauge("gelombang_database_connections", count, state=state, **where)
        for dependency in ("postgresql", "valkey") if process != "worker-waves" else ("postgresql",):
            history.gauge("gelombang_dependency_up", 1, dependency=dependency, **where)
            history.gauge("gelombang_dependency_seconds", 0.001, dependency=dependency, **where)
        history.counter("gelombang_bugs_total", 0, where="processor", **where)


def _door(history: History, rate: Callable[[float], float]) -> None:
    for door in DOORS:
        where = {"job": "gelombang", "instance": door}

        def half(t: float) -> float:
            return rate(t) / 2

        for route, status, share in (
            (POST, "202", 1.0),
            (POST, "422", 0.05),
            (POST, "503", 0.0),
            (JOIN, "200", 0.3),
            (JOIN, "503", 0.0),
            ("GET /r/{handle}", "200", 3.0),
            ("GET /", "200", 1.2),
        ):
            history.counter(
                "gelombang_http_requests_total",
                lambda t, share=share: half(t) * share,  # type: ignore[misc]
                route=route,
                status=status,
                **where,
            )
        history.histogram("gelombang_http_request_seconds", half, typical=0.02, route=POST, **where)
        history.histogram("gelombang_http_request_seconds", lambda t: half(t) * 0.3, typical=0.02, route=JOIN, **where)
        for outcome, share in (("accepted", 1.0), ("replayed", 0.01)):
            history.counter(
                "gelombang_registrations_total",
                lambda t, share=share: half(t) * share,  # type: ignore[misc]
                outcome=outcome,
                **where,
            )
        for queue in ("commit", "event_loop"):
            history.counter("gelombang_refused_total", 0, queue=queue, **where)
        history.counter("gelombang_limited_total", lambda t: half(t) * 0.002, limit="nik", **where)
        history.counter("gelombang_shortcut_lost_total", 0, **where)
        history.histogram("gelombang_commit_size", lambda t: half(t) / 4, typical=1.0, of="registrations", **where)
        history.histogram(
            "gelombang_commit_wait_seconds", lambda t: half(t) / 4, typical=0.01, of="registrations", **where
        )
        history.counter("gelombang_corrections_total", lambda t: half(t) * 0.01, kind="nik", **where)


def _kind(history: History, kind: str, rate: Callable[[float], float], chance: random.Random) -> None:
    first = {"job": "gelombang", "instance": f"worker-{kind}-1"}
    phase = chance.uniform(0, 6)
    for slot in (1, 2):
        where = {"job": "gelombang", "instance": f"worker-{kind}-{slot}", "kind": kind}
        for result, share in (("answered", 0.997), ("retryable", 0.003), ("permanent", 0.0)):
            history.counter(
                "gelombang_attempts_total",
                lambda t, share=share: rate(t) / 2 * share,  # type: ignore[misc]
                result=result,
                **where,
            )
        history.histogram("gelombang_attempt_seconds", lambda t: rate(t) / 2, typical=0.1, **where)
        good = "verified" if kind in REGISTRIES else "sent"
        bad = {
            "nik": "name_mismatch",
            "email": "email_undeliverable",
            "phone": "phone_unreachable",
            "student": "is_student",
        }[kind]
        history.counter("gelombang_verdicts_total", lambda t: rate(t) / 2 * 0.97, state=good, reason="", **where)
        history.counter("gelombang_verdicts_total", lambda t: rate(t) / 2 * 0.03, state="rejected", reason=bad, **where)
        cause = {"email": "mail_deferred", "phone": "sms_timeout"}.get(kind, "ministry_timeout")
        history.counter("gelombang_delays_total", lambda t: rate(t) / 2 * 0.003, cause=cause, **where)
        history.gauge("gelombang_in_flight", lambda t: 1 + rate(t) * 0.05, **where)
        history.gauge("gelombang_paused", 0, **where)
        history.counter("gelombang_rescued_total", 0, **where)
        history.counter("gelombang_stale_writes_total", 0, **where)
    # A rush leaves work that is done within minutes.
    history.gauge("gelombang_backlog", lambda t: rate(t) * 2 + 3 + math.sin(t / 300 + phase), kind=kind, **first)
    history.gauge("gelombang_oldest_due_seconds", lambda t: min(100.0, 0.5 + rate(t) / 10), kind=kind, **first)
    history.gauge("gelombang_set_aside", 0, kind=kind, **first)
    history.gauge("gelombang_goodput", rate, kind=kind, **first)
    history.gauge("gelombang_backlog_done_seconds", 4, kind=kind, **first)
    for stream in (f"verify:{kind}", *(("verify:nik:priority",) if kind == "nik" else ())):
        history.gauge("gelombang_stream_length", lambda t: rate(t) + 2, stream=stream, **first)
        history.gauge("gelombang_stream_pending", lambda t: rate(t) * 0.1 + 1, stream=stream, **first)
        history.counter("gelombang_stream_mended_total", 0, stream=stream, **first)


def _registry(history: History, kind: str, rate: Callable[[float], float]) -> None:
    where = {"job": "gelombang", "instance": f"worker-{kind}-1", "kind": kind}
    for state in ("closed", "open", "probing", "closing"):
        history.gauge("gelombang_ministry_breaker", float(state == "closed"), state=state, **where)
    history.gauge("gelombang_ministry_base_seconds", 0.1, **where)
    history.gauge("gelombang_ministry_goodput", rate, **where)
    history.gauge("gelombang_ministry_limit", lambda t: 8 + rate(t) * 0.14, **where)
    history.gauge("gelombang_ministry_rate_ceiling", 2_000, **where)
    history.gauge("gelombang_ministry_concurrency_ceiling", 300, **where)
    history.gauge("gelombang_ministry_quota_left", lambda t: max(1_000.0, 1e6 - t * 5), **where)
    history.gauge("gelombang_ministry_quota_ends_seconds", math.nan, **where)
    history.gauge("gelombang_ministry_closed_seconds", 0, **where)
    history.gauge("gelombang_ministry_surplus", 0, **where)
    history.gauge("gelombang_ministry_slots", 8, **where)
    history.gauge("gelombang_ministry_calls_in_flight", lambda t: rate(t) * 0.1, **where)
    history.counter("gelombang_ministry_starts_total", rate, **where)


def _books(history: History, rate: Callable[[float], float]) -> None:
    where = {"job": "gelombang", "instance": "worker-email-1"}
    came: list[float] = []
    total = 100.0
    for index in range(history.count):
        came.append(total)
        total += rate(index * history.step) * history.step
    stages = (
        "registered",
        "email_verified",
        "nik_verified",
        "complete",
        "test_begun",
        "test_ended",
        "tested",
        "joined",
        "selected",
        "announced",
    )
    for stage, share in zip(stages, (1, 0.74, 0.94, 0.7, 0.6, 0.55, 0.5, 0.3, 0.1, 0.1), strict=True):
        history.series[key("gelombang_people", stage=stage, **where)] = [round(n * share) for n in came]
    for kind in KINDS:
        for state, share in (
            ("pending", 0.01),
            ("sent", 0.2),
            ("verified", 0.74),
            ("rejected", 0.03),
            ("delayed", 0.02),
        ):
            history.series[key("gelombang_checks", kind=kind, state=state, **where)] = [round(n * share) for n in came]
    history.gauge("gelombang_ledger_discrepancies", 0, **where)
    history.gauge("gelombang_database_bytes", lambda t: 50e6 + t * 1e3, **where)
    history.gauge("gelombang_database_sessions", 30, **where)
    history.gauge("gelombang_database_sessions_limit", 100, **where)
    history.gauge("gelombang_valkey_memory_bytes", 3e6, **where)
    scored = {"job": "gelombang", "instance": "worker-waves"}
    history.gauge("gelombang_oldest_unscored_seconds", 0.4, **scored)
    for outcome, share in (("joined", 0.3), ("not_open", 0.01), ("overloaded", 0.0)):
        door = {"job": "gelombang", "instance": DOORS[0]}
        history.counter("gelombang_joins_total", lambda t, share=share: rate(t) * share, outcome=outcome, **door)  # type: ignore[misc]
    history.counter("gelombang_tests_scored_total", lambda t: rate(t) * 0.5, **scored)
    for channel in ("email", "phone"):
        history.counter("gelombang_announcements_total", 0.1, channel=channel, result="sent", **scored)
        for state in ("planned", "due", "overdue"):
            history.gauge("gelombang_announcements_waiting", 3, channel=channel, state=state, **scored)
