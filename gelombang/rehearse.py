"""`gelombang rehearse`: the later stages with made-up applicants, in compressed time, on a stack of its own.

Guarantee: everything it starts ends with it, and its data is removed; the report says what was killed and what held.
"""

import asyncio
import enum
import os
import secrets
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang.own_stack import running

if TYPE_CHECKING:
    from loadtest.rehearsal.findings import Findings
    from loadtest.rehearsal.ground import Ground

_SEED_BITS = 32
_JOINS_PER_SECOND = 60.0
_LEAST_WAVE_SECONDS = 20.0
_LONG_SECONDS = 86_400.0


class Part(enum.StrEnum):
    """What is rehearsed."""

    WAY = "way"
    RUSH = "rush"
    SCORES = "scores"
    LIST = "list"


_COUNTS = {Part.WAY: 1_000, Part.RUSH: 100_000, Part.SCORES: 6_000, Part.LIST: 1_000_000}


def rehearse(  # noqa: PLR0913 - one parameter for each option
    part: Annotated[
        Part,
        typer.Argument(
            help="`way`: everybody registers, is verified, tested, joins, is selected and told. `rush`: a crowd joins "
            "at the closing second. `scores`: tests are sent by the clock, and each looks for the score. `list`: a "
            "long list of affected workers is imported.",
        ),
    ] = Part.WAY,
    *,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="How many applicants, joins, tests or rows.", show_default=False),
    ] = None,
    quota: Annotated[int | None, typer.Option(min=1, help="How many are selected; by default a fifth.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="scores: tests a second.")] = 200.0,
    kill_every: Annotated[
        float | None,
        typer.Option(min=0.0, help="Kill a process every so many seconds; 0: none. way: 5.", show_default=False),
    ] = None,
    wave_seconds: Annotated[
        float | None, typer.Option(help="way: how long the wave is open.", show_default=False)
    ] = None,
    close_early: Annotated[bool, typer.Option("--close-early", help="way: close when everybody has joined.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Who they are, who is killed.", show_default=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there as JSON.")] = None,
    data: Annotated[Path, typer.Option(help="Folder for the data, on a real disk.")] = Path("rehearsal-results"),
) -> None:
    """Rehearse what comes after registration, with processes killed on the way.

    Exit code 0: every claim holds. 1: one does not. 3: something is missing here.
    """
    from gelombang import data_directory, endpoints, server  # noqa: PLC0415 - slow to import
    from loadtest import funnel  # noqa: PLC0415
    from loadtest.rehearsal.ground import Ground  # noqa: PLC0415
    from registration.runtime import configure_logging  # noqa: PLC0415
    from registration.sealing import KeyRing  # noqa: PLC0415
    from registration.store.database import Database  # noqa: PLC0415

    configure_logging("error")
    data.mkdir(parents=True, exist_ok=True)
    many = count or _COUNTS[part]
    console = funnel.console()
    with tempfile.TemporaryDirectory(prefix="data-", dir=data) as temporary:
        folder = Path(temporary).resolve()
        directory = folder / "stack"
        with running(directory, "--processes=2", environment={**os.environ, **server.environment()}) as found:

            async def run() -> int:
                database = await Database.connect(
                    found["database_url"], pool_size=4, timeout_seconds=60.0, name="rehearsal"
                )
                ground = Ground(
                    endpoints=lambda: endpoints.read(directory / data_directory.ENDPOINTS),
                    ring=KeyRing.load(str(directory / data_directory.KEYS)),
                    database=database,
                    console=console,
                    seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
                    kill_every_seconds=(5.0 if part is Part.WAY else 0.0) if kill_every is None else kill_every,
                    command=shlex.join(["gelombang", *sys.argv[1:]]),
                    folder=folder,
                )
                chosen = quota or max(1, many // 5)
                parts = {
                    Part.WAY: lambda: _way(ground, many, chosen, wave_seconds, close_early=close_early),
                    Part.RUSH: lambda: _rush(ground, many, chosen),
                    Part.SCORES: lambda: _scores(ground, many, rate),
                    Part.LIST: lambda: _list(ground, many, directory),
                }
                findings = await parts[part]()
                await database.close()
                findings.show(console)
                if json_file is not None:
                    json_file.write_bytes(findings.to_json())
                return findings.exit_code

            code = asyncio.run(run())
    raise typer.Exit(code)


async def _way(
    ground: "Ground", count: int, quota: int, wave_seconds: float | None, *, close_early: bool
) -> "Findings":
    from loadtest.rehearsal.way import Plan, Rehearsal  # noqa: PLC0415 - slow to import

    usual = _LONG_SECONDS if close_early else _LEAST_WAVE_SECONDS + count / _JOINS_PER_SECOND
    plan = Plan(count=count, quota=quota, wave_seconds=wave_seconds or usual, close_early=close_early)
    return await Rehearsal(plan, ground).run()


async def _rush(ground: "Ground", joins: int, quota: int) -> "Findings":
    from loadtest.rehearsal.rush import Plan, Rush  # noqa: PLC0415 - slow to import

    return await Rush(Plan(joins=joins, quota=quota), ground).run()


async def _scores(ground: "Ground", count: int, rate: float) -> "Findings":
    from loadtest.rehearsal.scoring import Plan, Scoring  # noqa: PLC0415 - slow to import

    return await Scoring(Plan(count=count, per_second=rate), ground).run()


async def _list(ground: "Ground", rows: int, directory: Path) -> "Findings":
    from loadtest.rehearsal.listing import Listing, Plan  # noqa: PLC0415 - slow to import

    return await Listing(Plan(rows=rows, data_directory=directory), ground).run()
