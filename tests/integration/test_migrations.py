"""Migrations: each once, in order, whole or not at all, and never changed later."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gelombang import embedded
from registration.errors import Retryable
from registration.sealing import KeyRing
from registration.store import migrate as module
from registration.store.database import Database, SchemaError
from registration.store.migrate import Migration, MigrationError, assert_migrated, bundled, migrate

_numbers = itertools.count()
FIRST = Migration(1, "first", "before", "create table first (id integer)")
SECOND = Migration(2, "second", "after", "create table second (id integer)")
THIRD = Migration(3, "third", "before", "create table third (id integer); insert into third values (3)")


@pytest.fixture
async def empty_url(servers: embedded.Servers) -> AsyncIterator[str]:
    """A database without a table."""
    name = f"empty_{next(_numbers)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"create database {name}")
    yield servers.database_url.replace("/gelombang?", f"/{name}?")
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def fetch(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def tables(url: str) -> set[str]:
    return {name for (name,) in await fetch(url, "select tablename from pg_tables where schemaname = 'public'")}


async def test_what_is_missing_is_applied_once(empty_url: str) -> None:
    """The second run finds nothing to do, and the history says what was done."""
    files = [FIRST, SECOND, THIRD]

    assert files == list(await migrate(empty_url, migrations=files))
    assert list(await migrate(empty_url, migrations=files)) == []
    assert await fetch(empty_url, "select version, name, phase, checksum from schema_migrations order by version") == [
        (file.version, file.name, file.phase, file.checksum) for file in files
    ]


async def test_our_own_files_apply_and_apply_only_once(empty_url: str) -> None:
    """What is bundled is what a fresh database gets."""
    assert list(bundled()) == list(await migrate(empty_url))
    assert list(await migrate(empty_url)) == []
    assert {"registrations", "challenges", "nik_owners", "dead_letters"} <= await tables(empty_url)


async def test_two_runs_at_once_queue(empty_url: str) -> None:
    """Two pods that start together apply each file once."""
    files = [FIRST, SECOND, THIRD]
    done = await asyncio.gather(*(migrate(empty_url, migrations=files) for _ in range(8)))

    assert sorted(len(applied) for applied in done) == [0] * 7 + [3]
    assert await fetch(empty_url, "select count(*) from third") == [(1,)]


async def test_a_phase_applies_only_its_files(empty_url: str) -> None:
    """*Before* runs ahead of the new program, *after* once the old one is gone."""
    files = [FIRST, SECOND, THIRD]

    assert list(await migrate(empty_url, phases=["before"], migrations=files)) == [FIRST, THIRD]
    assert list(await migrate(empty_url, phases=["after"], migrations=files)) == [SECOND]


async def test_a_file_that_was_changed_later_is_refused(empty_url: str) -> None:
    """The database was made with the old text: nothing more is applied."""
    await migrate(empty_url, migrations=[FIRST])
    changed = Migration(1, "first", "before", "create table other (id integer)")

    with pytest.raises(MigrationError, match="migration 1 was changed"):
        await migrate(empty_url, migrations=[changed, THIRD])
    assert "third" not in await tables(empty_url)


async def test_a_newer_database_is_refused(empty_url: str) -> None:
    """A program that was rolled back does not run over a schema that it does not know."""
    await migrate(empty_url, migrations=[FIRST, SECOND])

    with pytest.raises(MigrationError, match=r"\[2\]"):
        await migrate(empty_url, migrations=[FIRST, THIRD])
    assert "third" not in await tables(empty_url)


async def test_a_failing_file_is_rolled_back_whole(empty_url: str) -> None:
    """What stood before it stays; after it is mended the run goes on from there."""
    failing = Migration(2, "second", "before", "create table second (id integer); select 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_url, migrations=[FIRST, failing, THIRD])

    assert {"first", "schema_migrations"} == await tables(empty_url)
    assert list(await migrate(empty_url, migrations=[FIRST, SECOND, THIRD])) == [SECOND, THIRD]


async def test_a_failed_run_does_not_hold_up_the_next(empty_url: str) -> None:
    """The lock ends with its connection."""
    failing = Migration(1, "first", "before", "select 1 / 0")
    errors = await asyncio.gather(*(migrate(empty_url, migrations=[failing]) for _ in range(4)), return_exceptions=True)

    assert [asyncpg.DivisionByZeroError] * 4 == [type(error) for error in errors]
    assert list(await migrate(empty_url, migrations=[FIRST])) == [FIRST]


async def test_a_server_that_is_away_is_retryable(tmp_path: Path) -> None:
    """A pod that starts before its database tries again."""
    with pytest.raises(Retryable):
        await migrate(f"postgresql://nobody@/nothing?host={tmp_path}")


class Folder:
    """Stands in for the package's files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self, _package: str) -> Path:
        """The folder that holds `migrations`."""
        return self._path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of migrations."""
    (tmp_path / "migrations").mkdir()
    monkeypatch.setattr(module, "resources", Folder(tmp_path))
    return tmp_path / "migrations"


def write(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).write_text(f"select '{name}'", encoding="utf-8")


def test_files_come_in_the_order_of_their_numbers(folder: Path) -> None:
    """Whatever order the folder lists them in; other files are none of them."""
    write(folder, ["0010_b.after.sql", "0002_a_1.before.sql", "0001_c.before.sql", "README.md"])

    assert [(file.version, file.name, file.phase) for file in bundled()] == [
        (1, "c", "before"),
        (2, "a_1", "before"),
        (10, "b", "after"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "1_a.before.sql",
        "0001_a.sql",
        "0001_a.during.sql",
        "0001-a.before.sql",
        "0001_A.before.sql",
    ],
)
def test_a_file_with_a_wrong_name_is_refused(folder: Path, name: str) -> None:
    """Left out silently, it would be missed in production only."""
    write(folder, [name])

    with pytest.raises(MigrationError, match="is not called"):
        bundled()


def test_a_number_used_twice_is_refused(folder: Path) -> None:
    """Two branches that were merged both took the next number."""
    write(folder, ["0001_a.before.sql", "0001_b.after.sql"])

    with pytest.raises(MigrationError, match="same number"):
        bundled()


# A schema that is older than the program


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await Database.connect(url, pool_size=1, timeout_seconds=20.0, name="test")
    try:
        yield database
    finally:
        await database.close()


async def test_a_program_runs_on_the_schema_it_needs_and_on_newer_ones(empty_url: str) -> None:
    """What runs after the deployment may still be missing, and a newer program's migrations may be there."""
    await migrate(empty_url, phases=["before"], migrations=[FIRST, SECOND, THIRD])
    async with opened(empty_url) as database:
        await assert_migrated(database, [FIRST, SECOND])
        await assert_migrated(database, [FIRST, SECOND, THIRD])


async def test_a_program_names_what_its_schema_lacks(empty_url: str) -> None:
    """Also where there is no history at all."""
    async with opened(empty_url) as database:
        with pytest.raises(SchemaError, match="gelombang migrate"):
            await assert_migrated(database)
        await migrate(empty_url, migrations=[FIRST])
        with pytest.raises(SchemaError, match="missing: 0003_third"):
            await assert_migrated(database, [FIRST, SECOND, THIRD])


@pytest.mark.parametrize(
    "arguments",
    [
        ["gelombang", "dead", "list"],
        ["gelombang", "dead", "replay", "--kind", "nik"],
        ["gelombang", "ledger"],
        ["ingest"],
        ["verify_workers", "nik"],
    ],
    ids=" ".join,
)
async def test_on_an_older_schema_every_program_ends_with_one_plain_line(
    empty_url: str, servers: embedded.Servers, arguments: list[str]
) -> None:
    """It says what to run; no traceback, and no process that answers everybody with an error."""
    await migrate(empty_url, migrations=[FIRST])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")},
        "GELOMBANG_DATABASE_URL": empty_url,
        "GELOMBANG_REDIS_URL": servers.redis_url,
        "GELOMBANG_KEYS": KeyRing.generate().to_json(),
        "GELOMBANG_MINISTRY_URL": "http://127.0.0.1:9",
        "GELOMBANG_PORT": "0",
        "GELOMBANG_ADMIN_PORT": "0",
    }
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "run `gelombang migrate`" in line
