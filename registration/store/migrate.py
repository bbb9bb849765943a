"""Brings the schema up to date: numbered files, each in a transaction of its own, never twice, never changed later.

A file is called NNNN_name.PHASE.sql. *before* runs ahead of the new program (it only adds), *after* once the old
program is gone (it may remove). Two runs at once queue at an advisory lock. If the process dies, the file in hand is
rolled back.
"""

import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import asyncpg
import msgspec

from registration.errors import Retryable
from registration.store.database import SCHEMA_ADVICE, Database, SchemaError

PHASES = ("before", "after")
_FILE_NAME = re.compile(r"\A(?P<version>[0-9]{4})_(?P<name>[a-z0-9_]+)\.(?P<phase>before|after)\.sql\Z")
_ADVISORY_LOCK = 0x67656C6F  # "gelo": any constant that only migrations use
_HISTORY = """
create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    phase text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""


class MigrationError(RuntimeError):
    """The files and the database's history do not fit together."""


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    version: int
    name: str
    phase: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def bundled() -> Sequence[Migration]:
    """The files of this package, in order; raises `MigrationError` for a wrong name or a number used twice."""
    migrations = []
    for file in resources.files(__package__).joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE_NAME.match(file.name)
        if match is None:
            raise MigrationError(f"{file.name} is not called NNNN_name.before.sql or NNNN_name.after.sql")
        migrations.append(Migration(int(match["version"]), match["name"], match["phase"], file.read_text("utf-8")))
    migrations.sort(key=lambda migration: migration.version)
    if len({migration.version for migration in migrations}) < len(migrations):
        raise MigrationError("two migrations have the same number")
    return migrations


async def migrate(
    database_url: str, *, phases: Sequence[str] = PHASES, migrations: Sequence[Migration] | None = None
) -> Sequence[Migration]:
    """Apply what is missing and return it. Raises `MigrationError`, and `Retryable` when the server is away."""
    try:
        connection = await asyncpg.connect(database_url, timeout=10.0)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise Retryable("database_unreachable") from error
    try:
        await connection.execute("select pg_advisory_lock($1)", _ADVISORY_LOCK)
        return await _apply_missing(connection, phases, bundled() if migrations is None else migrations)
    finally:
        await connection.close()


async def assert_migrated(database: Database, migrations: Sequence[Migration] | None = None) -> None:
    """Raise `SchemaError` unless every migration that this program needs before it runs is there.

    More than it knows is no error: while a deployment rolls, the old program goes on beside the new one's schema.
    """
    rows = await database.fetch("select version from schema_migrations")
    there = {row["version"] for row in rows}
    needed = [file for file in (bundled() if migrations is None else migrations) if file.phase == "before"]
    missing = [f"{file.version:04}_{file.name}" for file in needed if file.version not in there]
    if missing:
        raise SchemaError(f"{SCHEMA_ADVICE} (missing: {', '.join(missing)})")


async def _apply_missing(connection: Any, phases: Sequence[str], files: Sequence[Migration]) -> Sequence[Migration]:  # noqa: ANN401 - asyncpg has no types
    await connection.execute(_HISTORY)
    applied = {row["version"]: row["checksum"] for row in await connection.fetch("select * from schema_migrations")}
    unknown = applied.keys() - {migration.version for migration in files}
    if unknown:
        raise MigrationError(f"the database has migrations that this program does not know: {sorted(unknown)}")
    done = []
    for migration in files:
        if migration.version in applied:
            if applied[migration.version] != migration.checksum:
                raise MigrationError(f"migration {migration.version} was changed after it had been applied")
        elif migration.phase in phases:
            await _apply(connection, migration)
            done.append(migration)
    return done


async def _apply(connection: Any, migration: Migration) -> None:  # noqa: ANN401 - asyncpg has no types
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (version, name, phase, checksum) values ($1, $2, $3, $4)",
            migration.version,
            migration.name,
            migration.phase,
            migration.checksum,
        )
