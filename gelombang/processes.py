"""`gelombang ingest` and `gelombang worker KIND`: one process of the system, configured by GELOMBANG_* variables.

The same as `python -m ingest` and `python -m verify_workers KIND`, under the name that operators know.
"""

from functools import partial
from typing import Annotated

import typer

from registration.checks import Kind


def ingest() -> None:
    """Run one front-door process until SIGTERM."""
    from ingest.app import serve  # noqa: PLC0415 - slow to import
    from registration.runtime import run_process  # noqa: PLC0415

    run_process(serve)


def worker(kind: Annotated[Kind, typer.Argument(help="What it checks.")]) -> None:
    """Run one worker process until SIGTERM."""
    from registration.runtime import run_process  # noqa: PLC0415 - slow to import
    from verify_workers.pool import serve  # noqa: PLC0415

    run_process(partial(serve, kind))
