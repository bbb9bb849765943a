"""`gelombang rehearse`: from the plan of a wave to its announcement, in compressed time, on a stack of its own.

Guarantee: everything it starts ends with it, and its data is removed; the report says what was killed and what held.
"""

import asyncio
import os
import secrets
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gelombang.own_stack import running

_SEED_BITS = 32
_JOINS_PER_SECOND = 60.0
_LEAST_WAVE_SECONDS = 20.0


def rehearse(  # noqa: PLR0913 - one parameter for each option
    *,
    count: Annotated[int, typer.Option(min=1, help="How many applicants register.")] = 1_000,
    quota: Annotated[int | None, typer.Option(min=1, help="How many are selected; by default a fifth.")] = None,
    kill_every: Annotated[float, typer.Option(min=0.0, help="Kill a process every so many seconds; 0: none.")] = 5.0,
    wave_seconds: Annotated[float | None, typer.Option(help="How long the wave is open.", show_default=False)] = None,
    close_early: Annotated[bool, typer.Option("--close-early", help="Close when everybody has joined.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Who they are, who is killed.", show_default=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as JSON.")] = None,
    data: Annotated[Path, typer.Option(help="Folder for the data, on a real disk.")] = Path("rehearsal-results"),
) -> None:
    """Rehearse a wave: register, verify, test, join, close, select, announce, with processes killed on the way.

    Exit code 0: every claim holds. 1: one does not. 3: something is missing here.
    """
    from gelombang import data_directory, endpoints, server  # noqa: PLC0415 - slow to import
    from loadtest import funnel  # noqa: PLC0415
    from loadtest.rehearsal.way import Plan, Rehearsal  # noqa: PLC0415
    from registration.runtime import configure_logging  # noqa: PLC0415
    from registration.sealing import KeyRing  # noqa: PLC0415
    from registration.store.database import Database  # noqa: PLC0415

    configure_logging("error")
    data.mkdir(parents=True, exist_ok=True)
    console = funnel.console()
    with tempfile.TemporaryDirectory(prefix="data-", dir=data) as folder:
        directory = Path(folder).resolve() / "stack"
        with running(directory, "--processes=2", environment={**os.environ, **server.environment()}) as found:
            plan = Plan(
                endpoints=lambda: endpoints.read(directory / data_directory.ENDPOINTS),
                ring=KeyRing.load(str(directory / data_directory.KEYS)),
                count=count,
                quota=quota or max(1, count // 5),
                seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
                wave_seconds=wave_seconds or _LEAST_WAVE_SECONDS + count / _JOINS_PER_SECOND,
                close_early=close_early,
                kill_every_seconds=kill_every,
                command=shlex.join(["gelombang", *sys.argv[1:]]),
                folder=Path(folder),
            )

            async def run() -> int:
                database = await Database.connect(
                    found["database_url"], pool_size=4, timeout_seconds=60.0, name="rehearsal"
                )
                findings = await Rehearsal(plan, database, console).run()
                await database.close()
                findings.show(console)
                if json_file is not None:
                    json_file.write_bytes(findings.to_json())
                return findings.exit_code

            code = asyncio.run(run())
    raise typer.Exit(code)
