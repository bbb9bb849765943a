"""GO or NO-GO, from evidence alone, with reasons. Pure: the same evidence always gives the same verdict.

Order of judging: a run that is not valid says nothing, however good its figures look; only then come the objectives.
"""

import enum
from collections.abc import Callable, Iterator, Sequence

import msgspec

from loadtest.proof import usl
from loadtest.proof.evidence import HOLD, OVERLOAD, STEP, Evidence, Stage, Surroundings
from loadtest.proof.knee import Search, searched, spread
from loadtest.proof.plan import Plan, Slo
from registration.checks import FROM_THE_START

# A step that gave less good answers than this share of what was offered has not held it.
HELD_SHARE = 0.98
RECOVERED_SHARE = 0.9
_ROUNDING = 0.01
_CHANCE = 5.0  # standard deviations of a Poisson process
_FULL = 0.85
_MACHINE_FULL = 0.95
_POD_SHARE = 0.8
_DATABASE_SHARE = 0.7
_PODS = (1, 2, 4, 8, 16, 32)


class ExitCode(enum.IntEnum):
    """How the command ends."""

    GO = 0
    SLO_MISSED = 1
    NOT_VALID = 2
    ENVIRONMENT = 3


class Prediction(msgspec.Struct, frozen=True):
    """Registrations per second with so many pods, and the range that the steps' spread allows."""

    pods: int
    rate: float
    least: float
    most: float
    limit: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence comes to."""

    exit_code: ExitCode
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    knees: tuple[float, ...]
    knee: float | None
    headroom: float | None
    saturated_first: str | None
    usl: usl.Fit | None
    predicted: tuple[Prediction, ...]

    @property
    def word(self) -> str:
        """GO, NO-GO, or that it says nothing."""
        return {ExitCode.GO: "GO", ExitCode.SLO_MISSED: "NO-GO"}.get(self.exit_code, "NOT VALID")


def judge(plan: Plan, evidence: Evidence) -> Verdict:
    """The verdict."""
    trouble = forgetful(evidence.surroundings)
    environment = () if trouble is None else (trouble,)
    invalid = tuple(_invalid(plan, evidence))
    missed = tuple(_missed(plan, evidence))
    code = ExitCode.GO
    for found, worse in (
        (missed, ExitCode.SLO_MISSED),
        (invalid, ExitCode.NOT_VALID),
        (environment, ExitCode.ENVIRONMENT),
    ):
        code = worse if found else code
    searches = tuple(_searches(plan, evidence))
    knees = tuple(search.knee for search in searches if search.knee is not None)
    knee = sorted(knees)[len(knees) // 2] if knees else None
    beyond = _first_beyond(plan.slo, evidence, knee)
    return Verdict(
        exit_code=code,
        reasons=environment or invalid or missed or (_held(plan, evidence),),
        notes=(*_knee_notes(searches, knees, beyond), *_notes(evidence)),
        knees=knees,
        knee=knee,
        headroom=None if knee is None else knee / plan.target.rate,
        saturated_first=None if beyond is None else _saturated_first(beyond, evidence),
        usl=usl.fit(concurrencies(evidence)),
        predicted=tuple(_predictions(plan.slo, evidence)),
    )


def forgetful(found: Surroundings) -> str | None:
    """Why nothing that this database acknowledges proves anything, if so."""
    if found.fsync == "on" and found.synchronous_commit in {"on", "remote_apply"}:
        return None
    return (
        f"PostgreSQL runs with fsync={found.fsync} and synchronous_commit={found.synchronous_commit}:"
        " what it acknowledges can be lost, so its speed proves nothing"
    )


def concurrencies(evidence: Evidence) -> list[tuple[float, float]]:
    """Requests under way and good answers per second, by Little's law, of every step with a punctual generator."""
    steps = (step for step in evidence.of_kind(STEP) if not step.flaws)
    return [(step.per_second * step.mean_ms / 1e3, step.per_second) for step in steps]


def holds(slo: Slo, stage: Stage) -> bool:
    """Whether a stage kept the objectives at the rate that it was offered."""
    return (
        stage.p99_ms <= slo.p99_ms
        and stage.error_share <= slo.error_share
        and stage.good >= HELD_SHARE * stage.due
        and not stage.flaws
    )


def _invalid(plan: Plan, evidence: Evidence) -> Iterator[str]:
    if evidence.ended_early:
        yield f"the run ended early: {evidence.ended_early}"
    holds_of_plan = evidence.of_kind(HOLD)
    if not holds_of_plan:
        yield "the target rate was never offered"
    for stage in holds_of_plan:
        yield from (f"at {stage.rate:,.0f}/s: {flaw}" for flaw in stage.flaws)
        expected = plan.target.rate * stage.seconds
        off = abs(stage.due - expected)
        if not stage.flaws and off > max(_ROUNDING * expected, _CHANCE * expected**0.5):
            yield f"{stage.due / stage.seconds:,.0f}/s were offered, and not the {plan.target.rate:,.0f}/s of the plan"
    yield from _unreconciled(evidence)


def _unreconciled(evidence: Evidence) -> Iterator[str]:
    books = evidence.books
    if books.lost:
        yield f"{books.lost:,} of {books.acked:,} registrations were answered with 202 and are not stored"
    if books.refused_stored:
        yield f"{books.refused_stored:,} registrations were refused and are stored all the same"
    if books.sent != books.acked + books.refused + books.unknown:
        yield f"{books.sent:,} registrations were sent, but {books.acked + books.refused + books.unknown:,} have an end"
    expected = books.acked + books.unknown_stored + books.refused_stored - books.lost
    if books.stored != expected:
        yield f"{books.stored:,} registrations are stored, and not the {expected:,} that were acknowledged or in doubt"
    for kind, counts in books.states.items():
        all_stored = books.before + books.stored
        if kind in FROM_THE_START and sum(counts.values()) != all_stored:
            yield f"{kind}: {sum(counts.values()):,} of {all_stored:,} registrations stand in any state"
    for words, count in books.discrepancies.items():
        if count:
            yield f"the ledger contradicts itself: {count:,} × {words}"
    for kind in books.standing_still:
        waiting = sum(books.states[kind].get(state, 0) for state in ("pending", "delayed"))
        yield f"{waiting:,} {kind} checks are open and none was settled: their stream or their workers are gone"


def _missed(plan: Plan, evidence: Evidence) -> Iterator[str]:
    slo = plan.slo
    for stage in evidence.of_kind(HOLD):
        where = f"at {stage.rate:,.0f}/s"
        if stage.p99_ms > slo.p99_ms:
            yield f"{where} p99 was {stage.p99_ms:,.0f} ms, and {slo.p99_ms:,.0f} ms are allowed"
        if stage.error_share > slo.error_share:
            worst = max(stage.errors, key=lambda name: stage.errors[name])
            yield f"{where} {stage.error_share:.3%} were errors, most often “{worst}”"
    for stage in evidence.of_kind(OVERLOAD):
        allowed = plan.overload.recovery_seconds if plan.overload else 0.0
        if stage.recovered_after_seconds is None:
            yield f"it did not recover from {stage.rate:,.0f}/s within {allowed:,.0f} s"
        elif stage.recovered_after_seconds > allowed:
            yield f"it needed {stage.recovered_after_seconds:,.0f} s to recover, and {allowed:,.0f} s are allowed"


def _held(plan: Plan, evidence: Evidence) -> str:
    (stage, *_) = evidence.of_kind(HOLD)
    return (
        f"{stage.rate:,.0f}/s were held for {stage.seconds:,.0f} s with p99 {stage.p99_ms:,.0f} ms"
        f" (≤ {plan.slo.p99_ms:,.0f}) and {sum(stage.errors.values()):,} errors;"
        f" all {evidence.books.acked:,} acknowledged registrations are stored"
    )


def _knee_notes(searches: Sequence[Search], knees: Sequence[float], beyond: Stage | None) -> Iterator[str]:
    if len(knees) > 1:
        yield f"the knee was found {len(knees)} times, within ±{spread(knees):.0%}"
    if any(search.knee is not None and not search.is_bounded for search in searches):
        yield "no step was high enough not to hold: the knee is at least that"
    if beyond is not None and beyond.flaws:
        yield f"beyond the knee, at {beyond.rate:,.0f}/s, it was the generator that failed: {'; '.join(beyond.flaws)}"


def _notes(evidence: Evidence) -> Iterator[str]:
    cores = max((stage.foreign_cores + stage.stolen_cores for stage in evidence.of_kind(HOLD)), default=0.0)
    if cores > 0.05 * evidence.surroundings.machine.cores:
        yield f"others used {cores:.2f} cores of this machine while the target was held: a quiet one does better"
    if not evidence.books.looked_up:
        yield "registrations were counted, not looked up one by one: the key ring was not at hand"


def _searches(plan: Plan, evidence: Evidence) -> Iterator[Search]:
    """The searches for the knee, led through their steps again."""
    if plan.staircase is None:
        return
    by_repeat: dict[int, list[tuple[float, bool]]] = {}
    for step in evidence.of_kind(STEP):
        by_repeat.setdefault(step.repeat, []).append((step.rate, holds(plan.slo, step)))
    for repeat, steps in by_repeat.items():
        search = searched(steps, plan.staircase.stride(repeat))
        if search is not None:
            yield search


def _first_beyond(slo: Slo, evidence: Evidence, knee: float | None) -> Stage | None:
    """The lowest step beyond the knee that did not hold; without a knee, the lowest of all that did not."""
    missed = [step for step in evidence.of_kind(STEP) if not holds(slo, step) and step.rate >= (knee or 0.0)]
    return min(missed, key=lambda step: step.rate, default=None)


def _saturated_first(step: Stage, evidence: Evidence) -> str:
    """What was full in a step that did not hold."""
    used = {**step.cores, "generator": step.generator_cores}
    most = max(used, key=lambda name: used[name])
    busy = sum(used.values()) + step.foreign_cores + step.stolen_cores
    if busy >= _MACHINE_FULL * step.machine_cores:
        return (
            f"the machine, with the generator on it: {busy:.2f} of {step.machine_cores} cores, the generator"
            f" {step.generator_cores:.2f}, most of it {most} ({used[most]:.2f})"
        )
    if step.generator_busy_share >= _FULL:
        return f"the generator: {step.generator_busy_share:.0%} of a core in one of its processes"
    one_thread = {name: share for name, share in step.cores.items() if name != "postgresql"}
    fullest = max(one_thread, key=lambda name: one_thread[name], default=None)
    if fullest is not None and one_thread[fullest] >= _FULL:
        return f"{fullest}: {one_thread[fullest]:.2f} of the one core that it can use"
    if "limit" in evidence.ministry_peak and evidence.ministry_peak["concurrency"] >= evidence.ministry_peak["limit"]:
        return "the ministry: as many calls as it takes at once"
    return "nothing here was full: it waited, most likely for the disk (see the fsync probe)"


def _predictions(slo: Slo, evidence: Evidence) -> Iterator[Prediction]:
    """By utilisation: a pod is one process on one core, PostgreSQL has this machine's number of cores to itself."""
    steps = [step for step in (*evidence.of_kind(STEP), *evidence.of_kind(HOLD)) if holds(slo, step)]
    door = _costs(steps, lambda name: name.startswith("ingest"))
    database = _costs(steps, lambda name: name == "postgresql")
    if door is None or database is None:
        return
    cores = evidence.surroundings.machine.cores
    for pods in _PODS:
        found = []
        for place in (1, 2, 0):  # middle, dearest (least), cheapest (most)
            by_pods, by_database = pods * _POD_SHARE / door[place], cores * _DATABASE_SHARE / database[place]
            found.append((min(by_pods, by_database), by_pods <= by_database))
        (rate, is_pods), (least, _), (most, _) = found
        yield Prediction(pods, rate, least, most, "front door" if is_pods else f"PostgreSQL on {cores} cores")


def _costs(steps: list[Stage], counts: Callable[[str], bool]) -> tuple[float, float, float] | None:
    """Cores for one registration a second: least, middle, most over the steps that held."""
    costs = sorted(
        cost
        for step in steps
        if step.per_second > 0
        and (cost := sum(cores for name, cores in step.cores.items() if counts(name)) / step.per_second) > 0
    )
    return (costs[0], costs[len(costs) // 2], costs[-1]) if costs else None
