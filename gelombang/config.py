"""`gelombang config show`: every setting, its meaning and its value here."""

import os
from typing import Any

import msgspec
import typer

from gelombang.local_settings import LOCAL_SETTINGS

app = typer.Typer(no_args_is_help=True, help="The settings.")


@app.callback()
def _group() -> None:
    """Make `show` a subcommand of its own."""


@app.command()
def show() -> None:
    """List all settings with the value that a process started here would have; secrets are not shown."""
    from registration.settings import descriptions  # noqa: PLC0415 - slow to import

    for item in descriptions():
        given = os.environ.get(item.variable)
        value = _shown(given, item.default, secret=item.secret)
        origin = "environment" if given is not None else "default"
        print(f"{item.variable}={value}\n    {item.meaning} ({origin})")
        if item.variable in LOCAL_SETTINGS:
            print(
                f"    `gelombang up` shortens this to {LOCAL_SETTINGS[item.variable]}, so that every case is seen soon"
            )


def _shown(given: str | None, default: Any, *, secret: bool) -> str:  # noqa: ANN401 - a default of any type
    if given is None:
        return "(must be set)" if default is msgspec.NODEFAULT else _text(default)
    return "(set, not shown)" if secret and given else given


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
