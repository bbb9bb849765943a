"""`gelombang pause` and `gelombang resume`: stop a kind of work, and let it go on."""

from pathlib import Path
from typing import Annotated

import typer

from gelombang import acting_user
from registration.checks import Kind

DataDir = Annotated[Path | None, typer.Option(help="Data dir of a local stack")]
Ministry = Annotated[Kind, typer.Argument(metavar="MINISTRY", help="nik, email, phone, photo or student")]


def pause(
    ministry: Ministry,
    reason: Annotated[str, typer.Option(help="Why, for whoever is on call next")] = "by hand",
    data_dir: DataDir = None,
) -> None:
    """Have the workers ask this outside system nothing more until it is resumed; what is in hand is finished."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import pauses  # noqa: PLC0415

    new = with_database(
        lambda database: pauses.pause(database, ministry, reason=reason, by=acting_user.name()), data_dir
    )
    print(f"{ministry} is paused" if new else f"{ministry} was paused already; its first reason stays")


def resume(ministry: Ministry, data_dir: DataDir = None) -> None:
    """Let the workers go on, whoever or whatever had paused them."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import pauses  # noqa: PLC0415

    ended = with_database(lambda database: pauses.resume(database, ministry, by=acting_user.name()), data_dir)
    print(f"{ministry} goes on" if ended else f"{ministry} was not paused")
