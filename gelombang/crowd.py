"""`gelombang crowd`: puts verified applicants into a running local stack, for load on the later stages.

Guarantee: only into a local stack, since nobody has verified them. Nothing is sent to anybody. What it had put there
when it dies stays, and is harmless.
"""

import asyncio
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang import data_directory
from gelombang.errors import CommandError

if TYPE_CHECKING:
    from loadtest.arrivals.crowd import Crowd
    from loadtest.rehearsal.ground import Ground

_SEED_BITS = 32
_DAY_SECONDS = 86_400.0


def crowd(  # noqa: PLR0913 - one parameter for each option
    *,
    output: Annotated[Path, typer.Option(help="Write the file for `--arrivals-crowd` there.")],
    verified: Annotated[int, typer.Option(min=0, help="How many are verified and have not begun the test.")] = 0,
    begun: Annotated[int, typer.Option(min=0, help="How many have answered everything and not sent it.")] = 0,
    tested: Annotated[int, typer.Option(min=0, help="How many have their score and have not joined.")] = 0,
    closes_in: Annotated[
        float, typer.Option(min=1.0, help="Seconds until the wave closes that is opened for them.")
    ] = _DAY_SECONDS,
    seed: Annotated[int | None, typer.Option(min=0, help="Who they are.", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the local stack.")] = None,
) -> None:
    """Put verified applicants into a running local stack, and open a wave for them unless one is open."""
    from gelombang import connecting  # noqa: PLC0415 - slow to import
    from loadtest.funnel import console  # noqa: PLC0415
    from loadtest.rehearsal.ground import Ground  # noqa: PLC0415
    from registration.sealing import KeyRing  # noqa: PLC0415
    from registration.store.database import Database  # noqa: PLC0415

    if "GELOMBANG_DATABASE_URL" in os.environ:
        raise CommandError(
            "nobody has verified a crowd: it goes into a local stack only, without GELOMBANG_DATABASE_URL"
        )
    directory = data_dir or data_directory.default_path()
    found = connecting.endpoints(directory)

    async def run() -> None:
        database = await Database.connect(found["database_url"], pool_size=2, timeout_seconds=60.0, name="crowd")
        ground = Ground(
            endpoints=lambda: found,
            ring=KeyRing.load(str(directory / data_directory.KEYS)),
            database=database,
            console=console(),
            seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
            kill_every_seconds=0.0,
            command=shlex.join(["gelombang", *sys.argv[1:]]),
            folder=directory,
        )
        try:
            made = await _gather(ground, counts=(verified, begun, tested), closes_in=closes_in)
        finally:
            await database.close()
        made.write(output)

    asyncio.run(run())


async def _gather(ground: "Ground", *, counts: tuple[int, int, int], closes_in: float) -> "Crowd":
    from loadtest.arrivals.crowd import Crowd, Stage  # noqa: PLC0415 - slow to import
    from loadtest.rehearsal import prepared  # noqa: PLC0415

    verified, begun, _ = counts
    people = await prepared.verified(ground, sum(counts))
    parts = {
        Stage.VERIFIED: people[:verified],
        Stage.BEGUN: people[verified : verified + begun],
        Stage.TESTED: people[verified + begun :],
    }
    wave = await _open_wave(ground, seconds=closes_in)
    await prepared.begin_tests(ground, [*parts[Stage.BEGUN], *parts[Stage.TESTED]], wave=wave)
    await prepared.finish_tests(ground.database, parts[Stage.TESTED], wave=wave)
    return Crowd(wave=wave, handles={stage: tuple(one.handle for one in part) for stage, part in parts.items()})


async def _open_wave(ground: "Ground", *, seconds: float) -> int:
    """The number of the wave that is open, or of a new one."""
    from loadtest.rehearsal.operator import Operator  # noqa: PLC0415 - slow to import
    from registration.store import waves  # noqa: PLC0415

    records = await waves.list_waves(ground.database)
    for record in records:
        if record.opened_at and not record.closed_at and record.wave.opens_at <= record.now < record.wave.closes_at:
            return record.wave.number
    number = max((record.wave.number for record in records), default=0) + 1
    await Operator(ground, number=number, quota=1).open(seconds=seconds)
    return number
