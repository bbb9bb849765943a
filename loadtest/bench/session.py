"""One run of the bench, from what was asked for to the files and the exit code.

`gelombang bench` hands in the ground; each function here is one of its ways.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from loadtest.bench import (
    bodies,
    checking,
    enumerating,
    field,
    gate,
    growing,
    machine,
    overload,
    page,
    profiling,
    table,
)
from loadtest.bench.contender import Contender
from loadtest.bench.field import Ground
from loadtest.bench.figures import figures, ratios
from loadtest.bench.load import Generator, LoadError, choose
from loadtest.bench.report import Entrant, ExitCode, Report, ReportError, read
from loadtest.bench.rounds import BODIES_PER_SECOND, WARM_UP_SECONDS, Bench, Measurement
from loadtest.bench.serving import ServingError
from loadtest.bench.stock import valkey, with_database
from registration.errors import Retryable
from registration.store.database import Database

ENVIRONMENT_ERRORS = (ServingError, LoadError, ReportError, OSError, Retryable)
# More than the front door takes in while it lives, so that hardly anybody comes twice: limits count people.
_SEED = 20_261_124


class MissingError(OSError):
    """Something that the run needs is not here."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for on the command line."""

    rounds: int
    seconds: float
    connections: int
    own_generator: bool
    output: Path


def names(only: Sequence[str]) -> Sequence[str]:
    """The contenders to measure; raises `MissingError` for a name that there is not."""
    unknown = set(only) - set(field.NAMES)
    if unknown:
        raise MissingError(f"there is no contender {', '.join(sorted(unknown))}; there are {', '.join(field.NAMES)}")
    return [name for name in field.NAMES if not only or name in only]


def compare(ground: Ground, wanted: Wanted, chosen: Sequence[str]) -> ExitCode:
    """Measure, show, write both reports; `NOT_VALID` when accepted and stored differ."""
    if field.FASTAPI_ARQ in chosen and ground.peer_python is None:
        raise MissingError("the peers are not installed: use `make bench`, or --only gelombang")
    console = table.console()
    contenders = field.contenders(ground, chosen)
    with _generator(wanted) as generator:
        bench = Bench(generator=generator, seconds=wanted.seconds, say=console.print)
        started_at = datetime.now(UTC)
        facts = _facts(ground)
        measurements = bench.run(contenders, wanted.rounds)
        report = _report(wanted, started_at, facts, generator, contenders, measurements)
    table.show(report, console)
    stem = wanted.output / f"bench-{started_at:%Y%m%dT%H%M%SZ}"
    stem.with_suffix(".json").write_bytes(report.to_json())
    stem.with_suffix(".html").write_text(page.render(report), encoding="utf-8")
    console.print(f"written: {stem}.json, {stem}.html")
    return ExitCode.NOT_VALID if report.flaws else ExitCode.OK


def check(path: Path) -> ExitCode:
    """Hold a report against the targets, and name each that is missed."""
    report = read(path)
    table.show_verdicts(gate.judge(report), table.console())
    return gate.exit_code(report)


def growth(ground: Ground, wanted: Wanted, *, rows: int) -> ExitCode:
    """CPU for each registration at few and at many rows."""
    console = table.console()
    with _generator(wanted) as generator:
        bench = Bench(generator=generator, seconds=wanted.seconds, say=console.print)
        found = growing.run(ground, bench, rounds=wanted.rounds, rows=rows)
    table.show_growth(found, console)
    path = wanted.output / f"growth-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(found.to_json())
    console.print(f"written: {path}")
    return ExitCode.NOT_VALID if found.flaws else ExitCode.OK


def checks(ground: Ground, wanted: Wanted) -> ExitCode:
    """Our worker beside an arq worker; `TARGET_MISSED` when it is too slow or too dear."""
    console = table.console()
    found = checking.run(ground, rounds=wanted.rounds, seconds=wanted.seconds, say=console.print)
    console.print(f"checks a second, to arq's: {found.ratio.median:.1f} times (target {checking.LEAST_RATIO:g})")
    console.print(f"CPU of a check: {found.cpu_us.median:.0f} µs (target {checking.MOST_CPU_US:g})")
    path = wanted.output / f"checks-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(found.to_json())
    console.print(f"written: {path}")
    return ExitCode.OK if found.is_reached else ExitCode.TARGET_MISSED


def enumeration(ground: Ground, wanted: Wanted, *, pairs: int) -> ExitCode:
    """Whether the time of an answer tells what is known; `TARGET_MISSED` when it does."""
    console = table.console()
    with table.progress(console, total=(1 + len(enumerating.KINDS)) * pairs) as advance:
        found = enumerating.run(ground, pairs=pairs, seed=_SEED, advance=advance)
    table.show_enumeration(found, console)
    path = wanted.output / f"enumeration-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(found.to_json())
    console.print(f"written: {path}")
    return found.exit_code


def overloaded(ground: Ground, wanted: Wanted) -> ExitCode:
    """What is left of the rate at three times the capacity, and how it is refused."""
    console = table.console()
    with _generator(replace(wanted, own_generator=True)) as generator:
        found = overload.run(
            ground,
            generator,
            rounds=wanted.rounds,
            seconds=wanted.seconds,
            say=lambda one: console.print(table.overload_line(one)),
        )
    table.show_overload(found, console)
    path = wanted.output / f"overload-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(found.to_json())
    console.print(f"written: {path}")
    return found.exit_code


def profile(ground: Ground, wanted: Wanted, *, folder: Path) -> ExitCode:
    """Profile one front-door process under load, and print where its time goes."""
    console = table.console()
    with _generator(wanted) as generator:
        bench = Bench(generator=generator, seconds=wanted.seconds, say=console.print)
        measurement = profiling.run(ground, bench, folder=folder)
    return ExitCode.NOT_VALID if measurement.flaw else ExitCode.OK


@contextmanager
def _generator(wanted: Wanted) -> Iterator[Generator]:
    with tempfile.TemporaryDirectory(prefix="gelombang-bench-") as temporary:
        path = Path(temporary) / "bodies"
        bodies.write(path, count=int(BODIES_PER_SECOND * (wanted.seconds + WARM_UP_SECONDS)), seed=_SEED)
        yield choose(bodies=path, connections=wanted.connections, own=wanted.own_generator)


def _facts(ground: Ground) -> machine.Machine:
    async def version(database: Database) -> str:
        (row,) = await database.fetch("show server_version")
        return str(row["server_version"])

    return machine.describe(
        postgresql=with_database(ground.database_url("postgres"), version),
        valkey=valkey_version(valkey(ground.valkey_socket, "INFO server")),
        data=ground.directory,
        peer_python=ground.peer_python,
    )


def valkey_version(said: str) -> str:
    """The version in the server's answer to INFO; Redis has no valkey_version."""
    facts = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    return facts.get("valkey_version") or facts.get("redis_version", "unknown")


def _report(
    wanted: Wanted,
    started_at: datetime,
    facts: machine.Machine,
    generator: Generator,
    contenders: Sequence[Contender],
    measurements: Sequence[Measurement],
) -> Report:
    return Report(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=facts,
        generator=generator.description,
        rounds=wanted.rounds,
        seconds=wanted.seconds,
        connections=wanted.connections,
        entrants=tuple(Entrant(one.name, one.title, dict(one.settings)) for one in contenders),
        figures=figures(measurements),
        ratios=ratios(measurements, subject=field.FRONT_DOOR),
        measurements=tuple(measurements),
    )
