"""One proof, from a plan to the files and the exit code. `gelombang prove` hands in the system that it started."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from loadtest.arrivals.result import ResultError
from loadtest.bench import machine
from loadtest.bench.table import console
from loadtest.proof import junit, page, record
from loadtest.proof.campaign import Campaign
from loadtest.proof.evidence import Surroundings
from loadtest.proof.generator import GeneratorError, description
from loadtest.proof.plan import Plan, PlanError
from loadtest.proof.record import Now, Payload, RecordError
from loadtest.proof.system import System
from loadtest.proof.verdict import ExitCode, forgetful, judge
from registration.errors import Retryable
from registration.sealing import KeyRing, KeyRingError
from registration.store.database import NotDurableError

ENVIRONMENT_ERRORS = (
    *(GeneratorError, ResultError, PlanError, RecordError),
    *(KeyRingError, NotDurableError, Retryable, OSError),
)
# Addresses, ports and secrets say where a system is, not how it behaves.
_WHERE = ("_URL", "_KEYS", "_HOST", "_PORT", "_USER", "_PASSWORD", "_CONSUMER")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for. `config` holds every GELOMBANG_… variable that is not at its default."""

    plan: Plan
    plan_digest: str
    command: str
    config: Mapping[str, str]
    output: Path
    valkey_version: str


def prove(system: System, wanted: Wanted, ring: KeyRing, scratch: Path) -> ExitCode:
    """Run the plan, judge, sign, write, show. Raises what is in `ENVIRONMENT_ERRORS`."""
    out = console()
    plan = wanted.plan
    wanted.output.mkdir(parents=True, exist_ok=True)
    if plan.environment.ministry:
        system.set_ministry(plan.environment.ministry)
    surroundings = _surroundings(system, wanted, scratch)
    if (trouble := forgetful(surroundings)) is not None:
        raise NotDurableError(trouble)
    out.print(f"{plan.name}: {plan.target.rate:,.0f}/s for {plan.target.seconds:,.0f} s at {system.front_door}")
    with tempfile.TemporaryDirectory(prefix="prove-", dir=scratch) as folder:
        with _shown(out) as show:
            campaign = Campaign(plan=plan, system=system, folder=Path(folder), say=out.print, show=show)
            evidence = campaign.evidence(surroundings)
        payload = record.make(plan, evidence, judge(plan, evidence))
        stem = _write(payload, wanted.output, ring, Path(folder))
    _tell(payload, out)
    out.print(f"written: {stem}.json, .html, .xml; histograms in {stem.name}-histograms/")
    return payload.verdict.exit_code


def check(path: Path, ring: KeyRing, *, config: Mapping[str, str], plan_digest: str | None) -> ExitCode:
    """Say what a record is worth here and now. Raises what is in `ENVIRONMENT_ERRORS`."""
    payload, whole = record.read(path)
    # Settings of the plan are part of what was proven; those of the caller must be the same as then.
    settings = {**config, **payload.plan.environment.settings}
    now = Now(
        at=datetime.now(UTC),
        commit=machine.commit(),
        same_code=_same_code,
        config_digest=config_digest(settings),
        plan_digest=plan_digest,
    )
    code, reasons = record.check(payload, whole, ring, now)
    out = console()
    word = payload.verdict.word if code is not ExitCode.NOT_VALID else "NOT VALID"
    out.print(f"{word}: {payload.plan.name}, {payload.evidence.ended_at}, good until {payload.expires_at}")
    for reason in reasons:
        out.print(f"  {reason}")
    return code


def config_digest(config: Mapping[str, str]) -> str:
    """A short name for how a system was set up."""
    return hashlib.sha256(msgspec.json.encode(sorted(behaviour(config).items()))).hexdigest()[:16]


def behaviour(config: Mapping[str, str]) -> dict[str, str]:
    """The settings that say how a system behaves, not where it is."""
    return {name: value for name, value in sorted(config.items()) if not name.endswith(_WHERE)}


def _surroundings(system: System, wanted: Wanted, scratch: Path) -> Surroundings:
    fsync, commit = system.durability()
    plan = wanted.plan
    doors = sum(name.startswith("ingest") for name in system.pids)
    return Surroundings(
        machine=machine.describe(
            postgresql=system.version(), valkey=wanted.valkey_version, data=scratch, peer_python=None
        ),
        commit=machine.commit(),
        plan_name=plan.name,
        plan_digest=wanted.plan_digest,
        config_digest=config_digest(wanted.config),
        command=wanted.command,
        generator=description(),
        fsync=fsync,
        synchronous_commit=commit,
        front_doors=doors,
        workers=plan.environment.workers,
        settings=behaviour(wanted.config),
    )


def _same_code(commit: str) -> bool:
    """Whether nothing but docs has changed between a commit and what lies here."""
    git = shutil.which("git")
    if git is None:
        return False
    line = [git, "-C", str(Path(__file__).parents[2]), "diff", "--quiet", commit, "--", ".", ":!docs", ":!*.md"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0  # noqa: S603 - git


@contextlib.contextmanager
def _shown(out: Console) -> Iterator[Callable[[str, float], Callable[[float], None]]]:
    """Progress bars, one for the stage that runs; where there is no terminal, lines as stages end are all."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as progress:

        def show(name: str, seconds: float) -> Callable[[float], None]:
            for old in progress.task_ids:
                progress.remove_task(old)
            task = progress.add_task(name, total=seconds)
            return lambda passed: progress.update(task, completed=passed)

        yield show


def _write(payload: Payload, output: Path, ring: KeyRing, folder: Path) -> Path:
    last = _last(output, payload)
    stem = output / f"proof-{datetime.fromisoformat(payload.evidence.started_at):%Y%m%dT%H%M%SZ}"
    stem.with_suffix(".json").write_bytes(record.signed(payload, ring))
    stem.with_suffix(".html").write_text(page.render(payload, last), encoding="utf-8")
    stem.with_suffix(".xml").write_text(junit.render(payload), encoding="utf-8")
    histograms = stem.with_name(f"{stem.name}-histograms")
    histograms.mkdir()
    for result in folder.glob("*.json"):
        shutil.copy(result, histograms)
    return stem


def _last(output: Path, payload: Payload) -> Payload | None:
    """The newest earlier proof of a plan of the same name in the folder."""
    for path in sorted(output.glob("proof-*.json"), reverse=True):
        with contextlib.suppress(RecordError):
            found, _ = record.read(path)
            if found.plan.name == payload.plan.name:
                return found
    return None


def _tell(payload: Payload, out: Console) -> None:
    verdict = payload.verdict
    out.print("")
    out.print(verdict.word)
    for reason in verdict.reasons:
        out.print(f"  {reason}")
    for note in verdict.notes:
        out.print(f"  ({note})")
    if verdict.knee is not None and verdict.headroom is not None:
        knees = ", ".join(f"{knee:,.0f}" for knee in verdict.knees)
        out.print(f"  knee {verdict.knee:,.0f}/s ({knees}), {verdict.headroom:.2f} × the target")
    if verdict.exit_code is ExitCode.GO:
        proven = f"GELOMBANG_PROVEN_RATE={payload.plan.target.rate:g} GELOMBANG_PROVEN_AT={payload.evidence.ended_at}"
        out.print(f"  for the dashboards, to deploy: {proven}", soft_wrap=True)
    if verdict.saturated_first is not None:
        out.print(f"  full first: {verdict.saturated_first}")
    if verdict.usl is not None:
        law = verdict.usl
        peak = f"{law.peak:,.0f}/s ({law.peak_least:,.0f}–{law.peak_most:,.0f})"
        out.print(f"  USL: peak {peak}, α {law.alpha:.4f}, β {law.beta:.6f}")
    for one in verdict.predicted:
        out.print(f"  {one.pods:>2} pods: {one.rate:,.0f}/s ({one.least:,.0f}–{one.most:,.0f}), limited by {one.limit}")
