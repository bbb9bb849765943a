"""What a proof saw, before anybody judges it: stages, books, surroundings. Plain values, JSON there and back."""

from collections.abc import Mapping

import msgspec

from loadtest.bench.machine import Machine

WARM_UP, STEP, HOLD, OVERLOAD = "warm-up", "step", "hold", "overload"


class Second(msgspec.Struct, frozen=True):
    """One second of intended arrivals."""

    second: int
    due: int
    good: int
    p50_ms: float
    p99_ms: float


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the generator. CPU is in cores: of the system by process, of the generator, of everything else."""

    kind: str
    repeat: int
    rate: float
    seconds: float
    due: int
    sent: int
    acked: int
    good: int
    errors: dict[str, int]
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    service_p99_ms: float
    lag_p99_ms: float
    mean_ms: float
    cores: dict[str, float]
    generator_cores: float
    generator_busy_share: float
    foreign_cores: float
    stolen_cores: float
    machine_cores: int
    flaws: tuple[str, ...]
    timeline: tuple[Second, ...] = ()
    recovered_after_seconds: float | None = None

    @property
    def per_second(self) -> float:
        """Good answers per second of intended arrivals."""
        return self.good / self.seconds

    @property
    def error_share(self) -> float:
        """Answers that were not as they should be, of all."""
        wrong = sum(self.errors.values())
        return wrong / max(1, wrong + self.good)


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every registration that was sent, and what PostgreSQL holds.

    `stored` came in addition to the `before` that were there already; `lost` were acked and are not stored. `unknown`
    had no clear answer; each was looked up. `states` are by check. `standing_still` names kinds whose open checks did
    not become fewer while they were watched.
    """

    sent: int
    acked: int
    refused: int
    unknown: int
    unknown_stored: int
    refused_stored: int
    lost: int
    before: int
    stored: int
    looked_up: bool
    states: Mapping[str, Mapping[str, int]]
    discrepancies: Mapping[str, int]
    standing_still: tuple[str, ...]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """On what it ran."""

    machine: Machine
    commit: str
    plan_name: str
    plan_digest: str
    config_digest: str
    command: str
    generator: str
    fsync: str
    synchronous_commit: str
    front_doors: int
    workers: int
    settings: Mapping[str, str]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `ended_early` says why the run was cut short, if it was."""

    started_at: str
    ended_at: str
    surroundings: Surroundings
    stages: tuple[Stage, ...]
    books: Books
    ministry_peak: Mapping[str, float] = msgspec.field(default_factory=dict)
    ended_early: str | None = None

    def of_kind(self, kind: str) -> tuple[Stage, ...]:
        """The stages of one kind, in order."""
        return tuple(stage for stage in self.stages if stage.kind == kind)
