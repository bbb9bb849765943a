"""`gelombang game-day`: breaks one part of a watched system after another, and wants exactly the predicted alert.

Starts a system of its own with Prometheus and Alertmanager. Everything it started stops with it.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang.errors import CommandError
from gelombang.own_system import own_system

if TYPE_CHECKING:
    from loadtest.gameday.session import Plan

_SMALL_DISK_MIB = 1_500
# Where it differs from the local stack: what alerts wait for is looked at as often as alerting's time is fast.
# The doors take one to a commit, so that a small crowd overburdens them.
_SETTINGS: Mapping[str, str] = {
    "GELOMBANG_BOOKS_INTERVAL_SECONDS": "3",
    "GELOMBANG_PULSE_SECONDS": "0.2",
    "GELOMBANG_RETRY_CAP_SECONDS": "5",
    "GELOMBANG_BATCH_LIMIT": "1",
    "GELOMBANG_BATCH_WRITERS": "1",
}


def game_day(  # noqa: PLR0913 - one parameter for each option
    *,
    fault: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated. --list names them.", show_default=False)
    ] = None,
    compression: Annotated[
        float, typer.Option(min=1, help="Windows and waits of alerts so many times shorter.")
    ] = 12.0,
    rate: Annotated[float, typer.Option(min=1, help="Registrations per second meanwhile.")] = 8.0,
    quiet: Annotated[float, typer.Option(min=0, help="Seconds without a fault at first.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Who registers.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as JSON.")] = None,
    list_faults: Annotated[bool, typer.Option("--list", help="Name every fault and do nothing.")] = False,
) -> None:
    """Break one part after another, and check that on-call is told exactly what is so, and that it clears.

    Exit code 0: all as predicted. 1: not. 3: something is missing here.
    """
    from loadtest.gameday import session  # noqa: PLC0415 - slow to import
    from loadtest.gameday.faults import FAULTS  # noqa: PLC0415 - the same

    if list_faults:
        for known in FAULTS.values():
            print(f"{known.name:<16} {known.does:<50} {known.expects.severity} {known.expects}")
        raise typer.Exit
    unknown = [name for name in fault or () if name not in FAULTS]
    if unknown:
        raise CommandError(f"no fault is called {', '.join(unknown)}; `gelombang game-day --list` names them.")
    plan = session.Plan(
        faults=tuple(fault or FAULTS),
        rate=rate,
        quiet_seconds=quiet,
        compression=compression,
        seed=seed,
        command=" ".join(["gelombang", *sys.argv[1:]]),
    )
    raise typer.Exit(_run(plan, json_file))


def _run(plan: "Plan", json_file: Path | None) -> int:
    import uvloop  # noqa: PLC0415 - slow to import

    from gelombang import watching  # noqa: PLC0415 - the same
    from loadtest import funnel  # noqa: PLC0415 - the same
    from loadtest.chaos.ground import EnvironmentFailedError  # noqa: PLC0415 - the same
    from loadtest.gameday import pager, report, session  # noqa: PLC0415 - the same
    from registration.runtime import configure_logging  # noqa: PLC0415 - the same

    if not watching.is_installed():
        raise CommandError(watching.MISSING)
    console = funnel.console()
    configure_logging("error")
    logging.disable(logging.CRITICAL)  # the driver tells at length what the faults do to it
    with _disk() as (folder, small), pager.pager() as told:
        directory = folder / "stack"
        options = ["--workers=2", "--processes=2", "--fault-proxy", "--watch"]
        options += [f"--watch-compression={plan.compression}", f"--watch-notify={told.url}"]
        with own_system(directory, options=options, settings=_SETTINGS) as system:
            targets = directory / watching.FOLDER / watching.TARGETS
            try:
                found = uvloop.run(
                    session.run(plan, system, told, console, targets=targets, small_disk=folder if small else None)
                )
            except EnvironmentFailedError as error:
                raise CommandError(str(error)) from error
    report.show(found, console)
    if json_file is not None:
        json_file.write_bytes(found.to_json())
    return found.exit_code


@contextlib.contextmanager
def _disk() -> Iterator[tuple[Path, bool]]:
    """A folder for everything, on a small file system of its own where that may be mounted; says whether it is."""
    with tempfile.TemporaryDirectory(prefix="game-day-") as folder:
        path = Path(folder).resolve()
        mount = shutil.which("mount")
        line = [str(mount), "-t", "tmpfs", "-o", f"size={_SMALL_DISK_MIB}m,mode=0700", "tmpfs", str(path)]
        small = os.geteuid() == 0 and mount is not None
        small = small and subprocess.run(line, check=False, capture_output=True).returncode == 0  # noqa: S603 - fixed words
        try:
            yield path, small
        finally:
            if small:
                subprocess.run(["umount", "--lazy", str(path)], check=False)  # noqa: S603, S607 - as above
