"""How the subcommands reach a running system: by GELOMBANG_* variables, else by what `gelombang up` wrote down."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from gelombang import data_directory as directories
from gelombang import endpoints as written
from gelombang.errors import CommandError
from registration.errors import Retryable
from registration.runtime import configure_logging
from registration.settings import Settings, SettingsError, read
from registration.store.database import Database, SchemaError
from registration.streams.streams import Streams

Result = TypeVar("Result")

_UNSET = "unset"


def endpoints(directory: Path) -> Mapping[str, Any]:
    """What the local stack wrote down; raises `CommandError` when none runs there."""
    found = written.read(directory / directories.ENDPOINTS)
    if found is None:
        raise CommandError(
            f"no system runs with the data directory {directory}. "
            "Start one with `gelombang up`, or say where it is: --data-dir, or GELOMBANG_DATABASE_URL."
        )
    return found


def settings(data_directory: Path | None = None) -> Settings:
    """Settings for a command, from the environment and, where that is silent, the local stack."""
    environ = dict(os.environ)
    if "GELOMBANG_DATABASE_URL" not in environ:
        directory = data_directory or directories.default_path()
        found = endpoints(directory)
        environ.setdefault("GELOMBANG_DATABASE_URL", found["database_url"])
        environ.setdefault("GELOMBANG_REDIS_URL", found["redis_url"])
        environ.setdefault("GELOMBANG_KEYS", str(directory / directories.KEYS))
        environ.setdefault("GELOMBANG_OBJECTS_URL", (directory / directories.OBJECTS).absolute().as_uri())
    # A command that needs the database alone must not ask for the rest.
    environ.setdefault("GELOMBANG_REDIS_URL", _UNSET)
    environ.setdefault("GELOMBANG_KEYS", _UNSET)
    try:
        return read(environ)
    except SettingsError as error:
        raise CommandError(str(error)) from None


def with_database(
    use: Callable[[Database], Awaitable[Result]],
    data_directory: Path | None = None,
    *,
    timeout_seconds: float = 60.0,
) -> Result:
    """The result of `use` over a connection to the system's PostgreSQL; each statement may take `timeout_seconds`."""
    found = settings(data_directory)

    async def run() -> Result:
        async with _database(found, timeout_seconds) as database:
            return await use(database)

    return _run(run())


def with_servers(
    use: Callable[[Database, Streams], Awaitable[Result]],
    data_directory: Path | None = None,
    *,
    timeout_seconds: float = 60.0,
) -> Result:
    """The result of `use` over connections to PostgreSQL and Valkey; Valkey need not answer."""
    found = settings(data_directory)
    if found.redis_url == _UNSET:
        raise CommandError("GELOMBANG_REDIS_URL is not set")

    async def run() -> Result:
        streams = Streams(found.redis_url, timeout_seconds=found.redis_timeout_seconds, cap=found.stream_cap)
        try:
            async with _database(found, timeout_seconds) as database:
                return await use(database, streams)
        finally:
            await streams.close()

    return _run(run())


@asynccontextmanager
async def _database(found: Settings, timeout_seconds: float) -> AsyncIterator[Database]:
    database = await Database.connect(found.database_url, pool_size=2, timeout_seconds=timeout_seconds, name="command")
    try:
        yield database
    finally:
        await database.close()


def _run(command: Coroutine[Any, Any, Result]) -> Result:
    configure_logging("error")  # a person reads the answer, not the store's warnings on the way to it
    try:
        return asyncio.run(command)
    except Retryable as error:
        raise CommandError(f"PostgreSQL does not answer ({error.cause})") from None
    except SchemaError as error:
        raise CommandError(str(error)) from None
