"""What a proof comes to: the set-ups that it must not believe, and the figures that it draws from one that it does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadtest.bench.machine import Machine
from loadtest.proof import junit, page, record, usl
from loadtest.proof.evidence import HOLD, OVERLOAD, STEP, Books, Evidence, Stage, Surroundings
from loadtest.proof.knee import Search
from loadtest.proof.plan import Overload, Plan, PlanError, Slo, Staircase, Target, read
from loadtest.proof.record import Now, Payload, RecordError
from loadtest.proof.verdict import ExitCode, Verdict, judge
from registration import signing
from registration.sealing import KeyRing

PLAN = Plan(name="peak", target=Target(rate=1_400, seconds=30), slo=Slo(p99_ms=250), overload=Overload())
RING = KeyRing.generate()
COMMIT = "0123456789ab"


def stage(kind: str = HOLD, rate: float = 1_400, **changes: Any) -> Stage:  # noqa: ANN401 - any field
    """A stage that held."""
    due = round(rate * 30)
    usual = Stage(
        kind=kind,
        repeat=1,
        rate=rate,
        seconds=30,
        due=due,
        sent=due,
        acked=due,
        good=due,
        errors={},
        p50_ms=8,
        p99_ms=40,
        p999_ms=60,
        max_ms=90,
        service_p99_ms=39,
        lag_p99_ms=1,
        mean_ms=10 + rate / 200,
        cores={"ingest-1": rate / 14_000, "ingest-2": rate / 14_000, "postgresql": rate / 5_000, "valkey": 0.1},
        generator_cores=0.3,
        generator_busy_share=0.3,
        foreign_cores=0.0,
        stolen_cores=0.0,
        machine_cores=2,
        flaws=(),
        recovered_after_seconds=2.0 if kind == OVERLOAD else None,
    )
    return msgspec.structs.replace(usual, **changes)


def books(**changes: Any) -> Books:  # noqa: ANN401 - any field
    """Books that balance."""
    counts = {"verified": 41_000, "pending": 900, "delayed": 100, "sent": 0, "rejected": 0}
    usual = Books(
        sent=42_100,
        acked=41_990,
        refused=90,
        unknown=20,
        unknown_stored=10,
        refused_stored=0,
        lost=0,
        before=0,
        stored=42_000,
        looked_up=True,
        states=dict.fromkeys(("nik", "email", "phone"), counts),
        discrepancies={"set aside but no dead letter": 0},
        standing_still=(),
    )
    return msgspec.structs.replace(usual, **changes)


def evidence(*stages: Stage, fsync: str = "on", commit: str = COMMIT, **changes: Any) -> Evidence:  # noqa: ANN401 - the same
    """What a good run saw, with these stages instead of its own."""
    machine = Machine(
        kernel="Linux",
        processor="a processor",
        cores=2,
        memory_gib=8,
        load_average=0.1,
        python="CPython 3.11",
        postgresql="18",
        valkey="9",
        libraries=(),
        peer_libraries=(),
        commit=commit,
        fsync_ms=0.4,
    )
    surroundings = Surroundings(
        machine=machine,
        commit=commit,
        plan_name=PLAN.name,
        plan_digest="plan",
        config_digest="config",
        command="gelombang prove",
        generator="Locust",
        fsync=fsync,
        synchronous_commit="on",
        front_doors=2,
        workers=1,
        settings={},
    )
    usual = Evidence(
        started_at="2026-11-24T08:00:00+00:00",
        ended_at="2026-11-24T08:10:00+00:00",
        surroundings=surroundings,
        stages=stages or (stage(), stage(OVERLOAD, 3_000)),
        books=books(),
    )
    return msgspec.structs.replace(usual, **changes)


def test_what_was_held_and_reconciled_is_a_go() -> None:
    """With a reason that says what was held."""
    verdict = judge(PLAN, evidence())
    assert (verdict.exit_code, verdict.word) == (ExitCode.GO, "GO")
    assert "1,400/s were held for 30 s with p99 40 ms" in verdict.reasons[0]


BROKEN = {
    "an ack before the commit": (evidence(books=books(lost=3, stored=41_997)), 2, "202 and are not stored"),
    "202 without storing": (
        evidence(books=books(lost=41_990, stored=0, unknown_stored=0, states={"nik": {}, "email": {}, "phone": {}})),
        2,
        "41,990 of 41,990 registrations were answered with 202 and are not stored",
    ),
    "a dropped stream": (evidence(books=books(standing_still=("nik",))), 2, "1,000 nik checks are open and none"),
    "a registration in no state": (
        evidence(books=books(states={"nik": {"verified": 41_999}})),
        2,
        "41,999 of 42,000 registrations stand in any state",
    ),
    "books that contradict": (evidence(books=books(discrepancies={"owner twice": 1})), 2, "1 × owner twice"),
    "stored twice": (evidence(books=books(stored=42_007)), 2, "42,007 registrations are stored, and not the 42,000"),
    "refused and stored": (evidence(books=books(refused_stored=2, stored=42_002)), 2, "refused and are stored"),
    "numbers without an end": (evidence(books=books(sent=42_200)), 2, "42,200 registrations were sent"),
    "fsync off": (evidence(fsync="off"), 3, "fsync=off"),
    "a generator out of CPU": (evidence(stage(flaws=("out of CPU (97% of a core)",))), 2, "out of CPU"),
    "arrivals skipped": (evidence(stage(flaws=("120 of 42,000 arrivals were due and not sent",))), 2, "not sent"),
    "clock trouble": (evidence(stage(flaws=("the generator's clock jumped by +3600.00 s",))), 2, "clock jumped"),
    "less offered than planned": (evidence(stage(due=30_000, sent=30_000, good=30_000)), 2, "1,000/s were offered"),
    "cut short": (evidence(ended_early="interrupted"), 2, "ended early: interrupted"),
    "never offered": (evidence(stage(STEP, 1_000)), 2, "never offered"),
    "too slow": (evidence(stage(p99_ms=900)), 1, "p99 was 900 ms, and 250 ms are allowed"),
    "errors": (evidence(stage(errors={"POST registration: 503": 42}, good=41_958)), 1, "POST registration: 503"),
    "no recovery": (
        evidence(stage(), stage(OVERLOAD, 3_000, recovered_after_seconds=None)),
        1,
        "did not recover from 3,000/s",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_is_refused_with_its_cause(name: str) -> None:
    """However good the figures look: the exit code tells what kind of trouble it is, the reason which."""
    seen, code, words = BROKEN[name]
    verdict = judge(PLAN, seen)
    assert verdict.exit_code == code
    assert any(words in reason for reason in verdict.reasons), verdict.reasons


def test_the_worse_trouble_decides() -> None:
    """A run that is not valid says nothing about objectives, and a database that may forget says nothing at all."""
    slow_and_lost = evidence(stage(p99_ms=900), books=books(lost=1, stored=41_999))
    assert judge(PLAN, slow_and_lost).exit_code == ExitCode.NOT_VALID
    forgetful = evidence(stage(p99_ms=900), fsync="off", books=books(lost=1, stored=41_999))
    assert judge(PLAN, forgetful).exit_code == ExitCode.ENVIRONMENT


def climbed(**beyond: Any) -> Verdict:  # noqa: ANN401 - any field
    """Two searches, of which the second one found a lower knee; `beyond` is how the steps that missed were."""
    stairs = Staircase(first=1_000, levels=2, repeats=2)
    missed = {"p99_ms": 2_000, "foreign_cores": 1.0, **beyond}
    steps = []
    for repeat, capacity in ((1, 2_500), (2, 2_400)):
        search = Search(1_000 if repeat == 1 else 2_500, stairs.stride(repeat))
        while (rate := search.rate) is not None:
            steps.append(stage(STEP, rate, repeat=repeat, **(missed if rate > capacity else {})))
            search.tell(rate <= capacity)
    plan = msgspec.structs.replace(PLAN, staircase=stairs)
    return judge(plan, evidence(*steps, stage(), stage(OVERLOAD, 3_000)))


def test_the_knee_is_found_in_the_steps() -> None:
    """In each search; what was full first beyond it is named, and the headroom is knee over target."""
    verdict = climbed()
    assert verdict.knees == pytest.approx((2_500, 2_400), rel=0.04)
    assert verdict.knee in verdict.knees
    assert verdict.headroom == pytest.approx((verdict.knee or 0) / 1_400)
    assert str(verdict.saturated_first).startswith("the machine, with the generator on it: ")


def test_a_generator_that_failed_beyond_the_knee_is_named() -> None:
    """The knee is then the machine's with the generator on it, and no secret is made of that."""
    verdict = climbed(flaws=("a process of the generator was out of CPU (97% of a core)",), foreign_cores=0.0)
    assert any("it was the generator that failed: a process of the generator was out" in note for note in verdict.notes)


def test_more_pods_help_until_the_database_is_full() -> None:
    """One front-door pod at 80 % of a core; PostgreSQL at 70 % of this machine's cores."""
    by_pods = {one.pods: one for one in climbed().predicted}
    assert by_pods[1].rate == pytest.approx(0.8 / (2 / 14_000))
    assert by_pods[1].limit == "front door"
    assert by_pods[32].rate == pytest.approx(2 * 0.7 / (1 / 5_000))
    assert by_pods[32].limit == "PostgreSQL on 2 cores"


def test_the_law_is_found_again_in_what_follows_it() -> None:
    """A system with known α and β, measured at six concurrencies."""
    points = [(n, usl.throughput((500.0, 0.05, 0.002), n)) for n in (1, 2, 4, 8, 16, 24)]
    found = usl.fit(points)
    assert found is not None
    assert (found.single, found.alpha, found.beta) == pytest.approx((500, 0.05, 0.002), rel=1e-6)
    assert found.peak == pytest.approx(max(usl.throughput((500, 0.05, 0.002), n) for n in range(1, 60)), rel=1e-2)
    assert found.peak_least <= found.peak <= found.peak_most
    assert usl.fit(points[:3]) is None


def signed(seen: Evidence | None = None) -> tuple[Payload, signing.Record]:
    """A record as it is read from its file."""
    seen = seen or evidence()
    content = record.signed(record.make(PLAN, seen, judge(PLAN, seen)), RING)
    found = msgspec.json.decode(content, type=signing.Record)
    return msgspec.json.decode(found.payload, type=Payload), found


def now(**changes: Any) -> Now:  # noqa: ANN401 - any field
    """A day later, with the same code, settings and plan."""
    usual = Now(
        at=datetime(2026, 11, 25, tzinfo=UTC),
        commit=COMMIT,
        same_code=lambda _: False,
        config_digest="config",
        plan_digest="plan",
    )
    return msgspec.structs.replace(usual, **changes)


def test_a_proof_is_good_for_what_it_was_made_of() -> None:
    """The verdict's own exit code, as long as nothing has changed; docs may have."""
    assert record.check(*signed(), RING, now())[0] == ExitCode.GO
    assert record.check(*signed(), RING, now(commit="ffffffffffff", same_code=lambda _: True))[0] == ExitCode.GO
    assert record.check(*signed(evidence(stage(p99_ms=900))), RING, now())[0] == ExitCode.SLO_MISSED


WORTHLESS = {
    "stale": (now(at=datetime(2026, 11, 24, 8, 10, tzinfo=UTC) + timedelta(days=14)), "stale"),
    "another commit": (now(commit="ffffffffffff"), f"another commit: {COMMIT}, and not ffffffffffff"),
    "other settings": (now(config_digest="other"), "other settings"),
    "another plan": (now(plan_digest="other"), "another plan"),
}


@pytest.mark.parametrize("name", WORTHLESS)
def test_a_proof_of_something_else_is_refused(name: str) -> None:
    """Time, code, settings and plan are part of what was proven."""
    today, words = WORTHLESS[name]
    code, reasons = record.check(*signed(), RING, today)
    assert code == ExitCode.NOT_VALID
    assert words in " ".join(reasons)


def test_a_proof_of_code_that_is_in_no_commit_is_refused() -> None:
    """Nobody could say later what it was."""
    code, reasons = record.check(*signed(evidence(commit=f"{COMMIT} with changes")), RING, now())
    assert (code, len(reasons)) == (ExitCode.NOT_VALID, 1)
    assert "in no commit" in reasons[0]


def test_a_record_that_was_changed_or_signed_elsewhere_is_refused() -> None:
    """A NO-GO cannot be turned into a GO with an editor."""
    payload, whole = signed(evidence(stage(p99_ms=900)))
    better = bytes(whole.payload).replace(b'"p99_ms":900', b'"p99_ms":100')
    assert better != bytes(whole.payload)
    code, reasons = record.check(payload, signing.Record(msgspec.Raw(better), whole.signature), RING, now())
    assert (code, len(reasons)) == (ExitCode.NOT_VALID, 1)
    assert "signature" in reasons[0]
    assert record.check(payload, whole, KeyRing.generate(), now())[0] == ExitCode.NOT_VALID


def test_what_is_no_record_and_what_is_no_plan_is_said(tmp_path: Path) -> None:
    """A wrong objective's name, a wrong value, no file: the message names the place."""
    path = tmp_path / "file"
    path.write_text("{}")
    with pytest.raises(RecordError, match="no record"):
        record.read(path)
    for text, words in (
        ('name = "x"\n[target]\nrate = 10\n[slo]\np95_ms = 3', "p95_ms"),
        ('name = "x"\n[target]\nrate = -10\n[slo]\np99_ms = 3', "target.rate"),
        ('name = "x"\n[target]\nrate = 10', "slo"),
        ("name = ", "no plan"),
    ):
        path.write_text(text)
        with pytest.raises(PlanError, match=words):
            read(path)
    with pytest.raises(PlanError, match="cannot be read"):
        read(tmp_path / "nothing")


def test_the_plans_that_come_along_are_plans() -> None:
    """And the historic peak is at least what was reported of it."""
    plans = [read(path)[0] for path in (Path(page.__file__).parents[1] / "plans").glob("*.toml")]
    assert "historic peak" in [plan.name for plan in plans]
    assert all(plan.target.rate >= 1_333 for plan in plans if plan.name.startswith("historic"))


def test_the_page_and_the_test_report_say_the_verdict() -> None:
    """One page that needs nothing from elsewhere; JUnit with a failure where an objective was missed."""
    payload, _ = signed(evidence(stage(STEP, 1_000), stage(STEP, 3_000, p99_ms=700), stage(p99_ms=900)))
    whole = page.render(payload, payload)
    assert "NO-GO" in whole
    assert "p99 was 900 ms" in whole
    assert "<svg" in whole
    assert "Since the last proof" in whole
    assert not [word for word in ("http://", "https://", "<script", "@import") if word in whole]
    assert '<failure message="at 1,400/s p99 was 900 ms' in junit.render(payload)
