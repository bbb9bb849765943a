"""Runs a plan on a system: stage after stage, watched from outside, and at the end the books.

Nothing is judged here but what decides which stage comes next. An interrupted run keeps what it has and says so.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadtest.arrivals.account import Report, each, size
from loadtest.arrivals.result import Result, Window, generator_flaws
from loadtest.arrivals.schedule import Point
from loadtest.bench import processes
from loadtest.proof.evidence import HOLD, OVERLOAD, STEP, WARM_UP, Books, Evidence, Second, Stage, Surroundings
from loadtest.proof.generator import Load, offer
from loadtest.proof.knee import Search
from loadtest.proof.plan import Plan, Staircase
from loadtest.proof.system import System, open_states
from loadtest.proof.verdict import RECOVERED_SHARE, holds

_STILL_LOOK_SECONDS = 0.5
# In an overload the machine that also makes the load has none to spare: late is then no flaw, unsent still is.
_OVERLOAD_LAG_SECONDS = 10.0
_CALM_SECONDS = 3
_SPARE_PEOPLE = 1.5  # for each that is expected, since they come by chance


@dataclass
class Campaign:
    """One run of a plan. `show` opens a progress display for a stage of so many seconds and gives what to tell it."""

    plan: Plan
    system: System
    folder: Path
    say: Callable[[str], None]
    show: Callable[[str, float], Callable[[float], None]]
    run: str = field(default_factory=lambda: f"prove-{secrets.token_hex(4)}")
    stages: list[Stage] = field(default_factory=list)
    ended_early: str | None = None

    def __post_init__(self) -> None:
        self._total = Report()
        self._numbers = itertools.count(1)
        # One population for all stages: people of two could share a phone by chance, and meet the limit of the other.
        self._seed = secrets.randbits(31)
        self._people = 0
        self._before = 0

    def evidence(self, surroundings: Surroundings) -> Evidence:
        """Run everything; raises `GeneratorError`, `Retryable` and OSError."""
        started_at = datetime.now(UTC)
        self._before = self.system.ledger().accepted
        self.system.step_back()
        try:
            self._stages()
        except KeyboardInterrupt:
            self.ended_early = "interrupted"
        books = self.close_books()
        return Evidence(
            started_at=started_at.isoformat(timespec="seconds"),
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
            surroundings=surroundings,
            stages=tuple(self.stages),
            books=books,
            ministry_peak=self.system.ministry_calls(),
            ended_early=self.ended_early,
        )

    def _stages(self) -> None:
        plan = self.plan
        if plan.warm_up is not None:
            self._stage(WARM_UP, plan.target.rate * plan.warm_up.share_of_target, plan.warm_up.seconds)
        if plan.staircase is not None:
            self._climb(plan.staircase)
        self._stage(HOLD, plan.target.rate, plan.target.seconds)
        if plan.overload is not None:
            self._overload()

    def _climb(self, stairs: Staircase) -> None:
        """Search for the knee, and again from where it was found."""
        start = stairs.first
        for repeat in range(1, stairs.repeats + 1):
            search = Search(start, stairs.stride(repeat))
            while (rate := search.rate) is not None:
                search.tell(holds(self.plan.slo, self._step(stairs, rate, repeat)))
            start = search.knee or start

    def _step(self, stairs: Staircase, rate: float, repeat: int) -> Stage:
        """One step: rising at first, which does not count, and then even."""
        settle = stairs.settle_seconds
        end = settle + stairs.seconds
        points = (Point(0, 0.5), Point(settle, 1), Point(end, 1)) if settle else (Point(0, 1), Point(end, 1))
        result, cpu = self._offer(STEP, rate, points, settle=settle)
        stage = self._described(STEP, rate, stairs.seconds, result, cpu, settle=settle)
        return self._keep(msgspec.structs.replace(stage, repeat=repeat))

    def _overload(self) -> None:
        wanted = self.plan.overload
        if wanted is None:
            return
        steps = [stage.rate for stage in self.stages if stage.kind == STEP and holds(self.plan.slo, stage)]
        rate = wanted.factor * max([*steps, self.plan.target.rate])
        # The baseline is a share of what held, not of the overload.
        level = wanted.baseline / wanted.factor
        end = wanted.seconds + wanted.recovery_seconds
        points = (Point(0, 1), Point(wanted.seconds, 1), Point(wanted.seconds, level), Point(end, level))
        result, cpu = self._offer(OVERLOAD, rate, points)
        stage = self._described(OVERLOAD, rate, wanted.seconds, result, cpu)
        recovered = recovery_seconds(result, since=wanted.seconds, until=end, p99_ms=self.plan.slo.p99_ms)
        self._keep(msgspec.structs.replace(stage, recovered_after_seconds=recovered))

    def _stage(self, kind: str, rate: float, seconds: float, *, repeat: int = 1) -> Stage:
        result, cpu = self._offer(kind, rate, (Point(0, 1), Point(seconds, 1)))
        stage = self._described(kind, rate, seconds, result, cpu)
        return self._keep(msgspec.structs.replace(stage, repeat=repeat))

    def _offer(self, kind: str, rate: float, points: Sequence[Point], *, settle: float = 0.0) -> tuple[Result, "Cores"]:
        plan, system = self.plan, self.system
        load = Load(
            front_door=system.front_door,
            rate=rate,
            points=tuple(points),
            spacing=plan.target.spacing,
            user_class=plan.target.user_class,
            mix=plan.target.mix,
            processes=plan.environment.generators,
            in_flight_limit=plan.environment.in_flight_limit,
            lag_limit_seconds=self._lag_limit_seconds(kind),
            run=f"{self.run}-{next(self._numbers)}",
            seed=self._seed,
            first_person=self._people,
            mailbox=system.mailbox,
            sms=system.sms,
        )
        self._people += int(_SPARE_PEOPLE * rate * load.seconds)
        show = self.show(f"{kind} {rate:,.0f}/s", load.seconds)
        samples = [self._snapshot()]

        def passed(seconds: float) -> None:
            show(seconds)
            samples.append(self._snapshot())

        result = offer(load, self.folder, passed=passed)
        samples.append(self._snapshot())
        self._total += msgspec.structs.replace(result.report, seconds={})
        return result, cores(samples, result, begin=settle, end=load.seconds)

    def _lag_limit_seconds(self, kind: str) -> float:
        """A step may be late by what it may take: lateness is in its latency, which decides."""
        limits = {OVERLOAD: _OVERLOAD_LAG_SECONDS, STEP: self.plan.slo.p99_ms / 1e3}
        return limits.get(kind, self.plan.environment.lag_limit_seconds)

    def _snapshot(self) -> tuple[float, processes.Snapshot]:
        return time.time(), processes.snapshot({name: [pid] for name, pid in self.system.pids.items()})

    def _described(
        self, kind: str, rate: float, seconds: float, result: Result, cpu: "Cores", *, settle: float = 0.0
    ) -> Stage:
        window = result.window(settle, settle + seconds)
        return Stage(
            kind=kind,
            repeat=1,
            rate=rate,
            seconds=seconds,
            due=window.due,
            sent=window.sent,
            acked=size(result.report.acked),
            good=_good(window),
            errors=window.errors,
            p50_ms=window.milliseconds(50),
            p99_ms=window.milliseconds(99),
            p999_ms=window.milliseconds(99.9),
            max_ms=window.milliseconds(100),
            service_p99_ms=window.milliseconds(99, "service"),
            lag_p99_ms=window.milliseconds(99, "lag"),
            mean_ms=window.latency.get_mean_value() / 1e3,
            cores=dict(cpu.system),
            generator_cores=cpu.generator,
            generator_busy_share=result.report.busy_share_most,
            foreign_cores=cpu.foreign,
            stolen_cores=cpu.stolen,
            machine_cores=cpu.machine,
            flaws=generator_flaws(result),
            timeline=tuple(_timeline(result)),
        )

    def _keep(self, stage: Stage) -> Stage:
        self.stages.append(stage)
        self.say(line(stage))
        return stage

    def close_books(self) -> Books:
        """Let what is under way settle, see whether open work moves, and look everything up."""
        still = self._standing_still()
        total, system = self._total, self.system
        ledger = system.ledger()
        acked, refused, unknown = size(total.acked), size(total.refused), size(total.unknown)
        looked_up = system.ring is not None
        lost = refused_stored = unknown_stored = 0
        stored = ledger.accepted - self._before
        if looked_up:
            asked, found = system.stored(each(total.acked))
            lost = asked - found
            refused_stored = system.stored(each(total.refused))[1]
            unknown_stored = system.stored(each(total.unknown))[1]
        else:
            unknown_stored = min(unknown, max(0, stored - acked))
        return Books(
            sent=acked + refused + unknown,
            acked=acked,
            refused=refused,
            unknown=unknown,
            unknown_stored=unknown_stored,
            refused_stored=refused_stored,
            lost=lost,
            stored=stored,
            looked_up=looked_up,
            before=self._before,
            states=open_states(ledger),
            discrepancies=dict(ledger.discrepancies),
            standing_still=still,
        )

    def _standing_still(self) -> tuple[str, ...]:
        """Kinds whose due checks are no fewer after the settling time, and of which none became fewer in between."""
        first = self.system.open_checks()
        moved = {kind for kind, count in first.items() if count == 0}
        told = self.show("settling", self.plan.environment.settle_seconds)
        began = time.monotonic()
        while moved != first.keys() and (passed := time.monotonic() - began) < self.plan.environment.settle_seconds:
            told(passed)
            time.sleep(_STILL_LOOK_SECONDS)
            moved |= {kind for kind, count in self.system.open_checks().items() if count < first[kind]}
        return tuple(kind for kind in first if kind not in moved)


@dataclass(frozen=True)
class Cores:
    """CPU over a stage, in cores."""

    system: Mapping[str, float]
    generator: float
    foreign: float
    stolen: float
    machine: int


def cores(samples: Sequence[tuple[float, processes.Snapshot]], result: Result, *, begin: float, end: float) -> Cores:
    """While people arrived, between these seconds: between the samples next to them, and not while Locust started."""
    started_at, seconds = result.wall_started_at, end - begin
    one_at, one = min(samples, key=lambda sample: abs(sample[0] - started_at - begin))
    two_at, two = min(samples, key=lambda sample: abs(sample[0] - started_at - end))
    passed = max(two_at - one_at, 1e-9)
    used = {name: max(0.0, two.groups[name] - one.groups[name]) / passed for name in one.groups}
    # The generator counts its own CPU over the whole run, and each arrival costs it the same.
    share = result.window(begin, end).due / max(1, result.window().due)
    generator = result.report.cpu_seconds * share / seconds
    foreign = (two.machine - one.machine) / passed - sum(used.values()) - generator
    return Cores(
        system=used,
        generator=generator,
        foreign=max(0.0, foreign),
        stolen=(two.stolen - one.stolen) / passed,
        machine=round((two.passed - one.passed) / passed),
    )


def recovery_seconds(result: Result, *, since: float, until: float, p99_ms: float) -> float | None:
    """How long after `since` all was well for good: from then on p99 is kept and nine in ten get a good answer."""
    well_since: float | None = None
    for second in range(int(since), int(until)):
        window = result.window(second, second + 1)
        good = _good(window)
        if window.due and (window.milliseconds(99) > p99_ms or good < RECOVERED_SHARE * window.due):
            well_since = None
        elif well_since is None:
            well_since = second - since
    calm = well_since is not None and until - since - well_since >= min(_CALM_SECONDS, until - since)
    return well_since if calm else None


def line(stage: Stage) -> str:
    """One line of progress."""
    recovered = stage.recovered_after_seconds
    after = f"  recovered after {recovered:,.0f} s" if recovered is not None else ""
    flaws = f"  ! {'; '.join(stage.flaws)}" if stage.flaws else ""
    errors = f"  {stage.error_share:.2%} errors" if stage.errors else ""
    return (
        f"{stage.kind:<9} {stage.rate:>7,.0f}/s for {stage.seconds:>4,.0f} s  good {stage.per_second:>7,.0f}/s"
        f"  p50 {stage.p50_ms:>7,.1f}  p99 {stage.p99_ms:>8,.1f} ms  lag p99 {stage.lag_p99_ms:>6,.1f} ms"
        f"  generator {stage.generator_cores:.2f}  others {stage.foreign_cores:.2f} cores{errors}{after}{flaws}"
    )


def _timeline(result: Result) -> Iterator[Second]:
    for second, window in result.seconds():
        yield Second(
            second=second,
            due=window.due,
            good=_good(window),
            p50_ms=round(window.milliseconds(50), 2),
            p99_ms=round(window.milliseconds(99), 2),
        )


def _good(window: Window) -> int:
    """Arrivals whose answers were all as they should be, at least: each wrong answer may be another arrival's."""
    return max(0, window.sent - sum(window.errors.values()))
