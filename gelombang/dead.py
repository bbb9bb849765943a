"""`gelombang dead list|replay`: work that was set aside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registration.checks import Kind

if TYPE_CHECKING:
    from gelombang.replay import Order
    from registration.store.database import Database
    from registration.store.upkeep import DeadLetter, DeadLetterCount

app = typer.Typer(no_args_is_help=True)

EXIT_PAUSED = 1

DataDir = Annotated[Path | None, typer.Option(help="Data dir of a local stack")]
Cause = Annotated[str | None, typer.Option(help="Only those of this cause")]


@app.command("list")
def list_(
    kind: Annotated[Kind | None, typer.Option(help="Only those of this kind")] = None,
    cause: Cause = None,
    limit: Annotated[int, typer.Option(help="How many to show one by one", min=0)] = 20,
    data_dir: DataDir = None,
) -> None:
    """Show dead letters by kind and cause, and the latest of them one by one."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import upkeep  # noqa: PLC0415

    counts = [
        found
        for found in with_database(upkeep.count_dead_letters, data_dir)
        if kind in {None, found.kind} and cause in {None, found.cause}
    ]
    letters = with_database(
        lambda database: upkeep.list_dead_letters(database, kind=kind, cause=cause, limit=limit), data_dir
    )
    print(_listing(counts, letters))


@app.command()
def replay(
    *,
    kind: Annotated[Kind | None, typer.Option(help="Only those of this kind")] = None,
    cause: Cause = None,
    limit: Annotated[int | None, typer.Option(help="The oldest so many; without it all", min=1)] = None,
    rate: Annotated[float, typer.Option(help="So many a second", min=0.01)] = 50.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be given back, and do nothing")] = False,
    data_dir: DataDir = None,
) -> None:
    """Give dead letters back to the workers, the oldest first; exits with 1 when their kind is paused."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from gelombang.replay import Order  # noqa: PLC0415

    order = Order(kind=kind, cause=cause, limit=limit, per_second=rate)
    done = with_database(lambda database: _plan(database, order) if dry_run else _replay(database, order), data_dir)
    if not done:
        raise typer.Exit(EXIT_PAUSED)


async def _plan(database: "Database", order: "Order") -> bool:
    from gelombang.replay import matching  # noqa: PLC0415 - slow to import

    counts = await matching(database, order)
    for found in counts:
        print(f"{found.count:>8,} × {found.kind}: {found.cause}")
    total = sum(found.count for found in counts)
    planned = total if order.limit is None else min(total, order.limit)
    print(f"{planned:,} would be given back, in about {planned / order.per_second:,.0f} s")
    return True


async def _replay(database: "Database", order: "Order") -> bool:
    """Whether all went through; how far it is stands on standard error while it lasts."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress as Bar  # noqa: PLC0415

    from gelombang.replay import Progress, matching, replay  # noqa: PLC0415

    total = sum(found.count for found in await matching(database, order))
    last = Progress(0)
    try:
        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("given back", total=total if order.limit is None else min(total, order.limit))
            async for last in replay(database, order):
                bar.update(task, completed=last.given_back)
    finally:
        print(f"{last.given_back:,} given back to the workers")
    if last.paused is not None:
        print(f"Stopped: {last.paused} is paused. See `gelombang status`, then `gelombang resume {last.paused}`.")
    return last.paused is None


def _listing(counts: "Sequence[DeadLetterCount]", letters: "Sequence[DeadLetter]") -> str:
    if not counts:
        return "No dead letters."
    lines = [
        f"{item.count:>8,} × {item.kind}: {item.cause} (oldest {item.oldest:%Y-%m-%d %H:%M:%S} UTC)" for item in counts
    ]
    lines += ["", f"{'died at (UTC)':<21}{'kind':<7}{'cause':<22}{'tries':>6}  registration"]
    lines += [
        f"{letter.died_at:%Y-%m-%d %H:%M:%S}  {letter.kind:<7}{letter.cause:<22}{letter.attempts:>6}"
        f"  {letter.registration_id}"
        for letter in letters
    ]
    return "\n".join(lines)
