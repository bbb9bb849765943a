"""`gelombang dead list|replay`: work that was set aside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registration.checks import Kind

if TYPE_CHECKING:
    from registration.store.upkeep import DeadLetter, DeadLetterCount

app = typer.Typer(no_args_is_help=True)

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

    counts = with_database(upkeep.count_dead_letters, data_dir)
    letters = with_database(
        lambda database: upkeep.list_dead_letters(database, kind=kind, cause=cause, limit=limit), data_dir
    )
    print(_listing(counts, letters))


@app.command()
def replay(
    kind: Annotated[Kind, typer.Option(help="Which kind's")],
    cause: Cause = None,
    limit: Annotated[int, typer.Option(help="The oldest so many", min=1)] = 1_000,
    data_dir: DataDir = None,
) -> None:
    """Give dead letters back to the workers, the oldest first."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import upkeep  # noqa: PLC0415

    count = with_database(
        lambda database: upkeep.replay_dead_letters(database, kind, cause=cause, limit=limit), data_dir
    )
    print(f"{count:,} given back to the {kind} workers")


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
