"""`gelombang try`: sends made-up applicants to a running system and checks that each ends as deserved."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gelombang import data_directory, endpoints, probes
from gelombang.errors import CommandError

_SEED_BITS = 32
# Long enough for the slowest persona and for a few seconds without a part of the system.
_PATIENCE_SECONDS = 180.0
_SLOWEST_PER_SECOND = 10.0
_STAND_INS = ("mailbox", "sms")


def try_(
    *,
    count: Annotated[int, typer.Option(min=1, help="How many applicants.")] = 1000,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Arrivals per second, by the clock; default as fast as they get through."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Who they are; by default a random number, that is, new people.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the local stack.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=1.0, help="Seconds after which the run counts as not valid.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as JSON.")] = None,
) -> None:
    """Send made-up applicants to the running system and check how each of them ends.

    Exit code 0: all as deserved. 1: some ended otherwise. 2: the run is not valid. 3: no system to try.
    """
    from loadtest.trial import Plan, run  # noqa: PLC0415 - slow to import

    found = _endpoints(data_dir)
    plan = Plan(
        front_door=found["front_door"],
        mailbox=found["mailbox"],
        sms=found["sms"],
        count=count,
        seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        rate=rate,
        timeout_seconds=timeout or _PATIENCE_SECONDS + count / (rate or _SLOWEST_PER_SECOND),
    )
    report = run(plan)
    if json_file is not None:
        _write(report.to_json(), json_file)
    raise typer.Exit(report.exit_code)


def _endpoints(data_dir: Path | None) -> Mapping[str, Any]:
    """Where the system is; raises CommandError when it is not there, or has no mail and SMS to read."""
    directory = data_dir or data_directory.default_path()
    found = endpoints.read(directory / data_directory.ENDPOINTS)
    if found is None:
        raise CommandError(
            f"no system runs with the data directory {directory}. "
            "Start one with `gelombang up`, or say where it is with --data-dir."
        )
    missing = [name for name in _STAND_INS if found[name] is None]
    if missing:
        raise CommandError(f"the system runs without stand-ins for {' and '.join(missing)}: nobody could confirm.")
    if not probes.http_answers(found["front_door"]):
        raise CommandError(f"the front door {found['front_door']} does not answer. Is `gelombang up` still running?")
    return found


def _write(content: bytes, path: Path) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
