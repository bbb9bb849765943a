"""`gelombang ingest` and `gelombang worker KIND`: one process of the system, configured by GELOMBANG_* variables.

The same as `python -m ingest` and `python -m verify_workers KIND`, under the name that operators know.
"""

from typing import Annotated

import typer

from registration.checks import Kind

_WORKERS = (*(kind.value for kind in Kind), "waves")


def _known(text: str) -> str:
    if text not in _WORKERS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(_WORKERS)}")
    return text


def ingest() -> None:
    """Run one front-door process until SIGTERM."""
    from ingest.app import serve  # noqa: PLC0415 - slow to import
    from registration.runtime import run_process  # noqa: PLC0415

    run_process(serve)


def worker(
    kind: Annotated[
        str,
        typer.Argument(
            parser=_known,
            metavar="|".join(_WORKERS),
            help="What it checks; `waves` scores tests and closes waves.",
        ),
    ],
) -> None:
    """Run one worker process until SIGTERM."""
    from registration.runtime import run_process  # noqa: PLC0415 - slow to import
    from verify_workers.workers import WORKERS  # noqa: PLC0415

    run_process(WORKERS[kind])
