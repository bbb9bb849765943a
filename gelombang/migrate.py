"""`gelombang migrate`: bring the schema up to date."""

import asyncio
import enum

from gelombang.errors import CommandError


class Phase(enum.StrEnum):
    """Which migrations: those ahead of a deployment, those after it, or all."""

    BEFORE = "before"
    AFTER = "after"
    ALL = "all"


def migrate(phase: Phase = Phase.ALL) -> None:
    """Apply the migrations that are missing; safe to run at any time and twice at once."""
    from gelombang.connecting import settings  # noqa: PLC0415 - slow to import
    from registration.errors import Retryable  # noqa: PLC0415
    from registration.store import migrate as migrations  # noqa: PLC0415

    phases = migrations.PHASES if phase is Phase.ALL else (phase.value,)
    try:
        applied = asyncio.run(migrations.migrate(settings().database_url, phases=phases))
    except Retryable as error:
        raise CommandError(f"PostgreSQL does not answer ({error.cause})") from None
    except migrations.MigrationError as error:
        raise CommandError(str(error)) from None
    for migration in applied:
        print(f"applied {migration.version:04} {migration.name} ({migration.phase} deployment)")
    if not applied:
        print("the schema is up to date")
