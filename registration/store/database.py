"""The pool of connections, and the translation of its failures into ours.

Guarantee: nobody outside sees an asyncpg error. What may be tried again is `Retryable` with a closed cause; its outcome
is unknown, so callers must find out by key. A missing table or column is a `SchemaError`, for people. Everything else
(a violated constraint, wrong SQL) is a bug and passes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from asyncpg import exceptions as postgres_errors

from registration.errors import Retryable

Row: TypeAlias = Any  # an asyncpg.Record: columns by name
# The driver's own UUID, written in C: a uuid.UUID like any other that is made ten times as fast.
DriverUUID: Callable[[bytes], UUID] = asyncpg.pgproto.pgproto.UUID

log = structlog.get_logger(__name__)

_PASSING = (
    postgres_errors.PostgresConnectionError,
    postgres_errors.OperatorInterventionError,  # shutdown, crash, cancelled
    postgres_errors.InsufficientResourcesError,  # disk full, too many connections
    postgres_errors.TransactionRollbackError,  # deadlock, serialization
    postgres_errors.ReadOnlySQLTransactionError,  # a demoted primary
    postgres_errors.InterfaceError,  # connection closed under us
    postgres_errors.InternalClientError,
    postgres_errors.ObjectNotInPrerequisiteStateError,
    OSError,
    TimeoutError,
)
# After these the server was restarted, or is no longer the one to write to: every connection is made anew, instead of
# failing one request each.
_GONE = (
    postgres_errors.PostgresConnectionError,
    postgres_errors.OperatorInterventionError,
    postgres_errors.ReadOnlySQLTransactionError,
    postgres_errors.InterfaceError,
    OSError,
)

# A table, column or type of ours is missing: the schema is older (or much newer) than the program.
_NOT_THERE = (
    postgres_errors.UndefinedTableError,
    postgres_errors.UndefinedColumnError,
    postgres_errors.UndefinedObjectError,
    postgres_errors.UndefinedFunctionError,
)
SCHEMA_ADVICE = "the database's schema is not the one that this program needs: run `gelombang migrate`"


class NotDurableError(RuntimeError):
    """The server would acknowledge commits that a power cut can undo (invariant I1)."""


class SchemaError(RuntimeError):
    """The database is not as this program needs it: a migration is missing."""


class Connection:
    """One connection inside `Database.transaction`."""

    def __init__(self, connection: Any, timeout_seconds: float) -> None:  # noqa: ANN401 - asyncpg has no types
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    async def fetch(self, sql: str, *arguments: object) -> Sequence[Row]:
        """All rows of a statement."""
        rows: Sequence[Row] = await self._connection.fetch(sql, *arguments, timeout=self._timeout_seconds)
        return rows


class Database:
    """A pool on one PostgreSQL primary. Open with `connect`, close with `close`."""

    def __init__(self, pool: Any, timeout_seconds: float) -> None:  # noqa: ANN401 - asyncpg has no types
        self._pool = pool
        self._timeout_seconds = timeout_seconds

    @classmethod
    async def connect(cls, url: str, *, pool_size: int, timeout_seconds: float, name: str) -> "Database":
        """Open the pool; raises `Retryable` when the server does not answer."""
        async with _translated():
            pool = await asyncpg.create_pool(
                url,
                min_size=min(1, pool_size),
                max_size=pool_size,
                timeout=timeout_seconds,
                command_timeout=timeout_seconds,
                max_inactive_connection_lifetime=300.0,
                target_session_attrs="read-write",
                server_settings={"application_name": f"gelombang {name}"},
                reset=_nothing_to_reset,
            )
        return cls(pool, timeout_seconds)

    async def fetch(self, sql: str, *arguments: object) -> Sequence[Row]:
        """All rows of one statement, committed when this returns; raises `Retryable`."""
        async with self._acquired() as connection:
            rows: Sequence[Row] = await connection.fetch(sql, *arguments)
        return rows

    async def fetch_row(self, sql: str, *arguments: object) -> Row | None:
        """The first row of one statement, committed when this returns; raises `Retryable`."""
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Several statements as one commit; raises `Retryable`."""
        async with self._acquired() as connection, connection.transaction():
            yield Connection(connection, self._timeout_seconds)

    @asynccontextmanager
    async def snapshot(self, *, timeout_seconds: float | None = None) -> AsyncIterator[Connection]:
        """Several reads of one instant, each of which may take so long; raises `Retryable`.

        For whoever looks at whole tables: by one process of the server, since others want to write meanwhile.
        """
        async with self._acquired() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("set local max_parallel_workers_per_gather = 0")
            yield Connection(connection, timeout_seconds or self._timeout_seconds)

    def usage(self) -> tuple[int, int]:
        """Connections in use, and idle ones."""
        idle: int = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    async def assert_durable(self) -> None:
        """Raise `NotDurableError` unless a commit that was acknowledged survives a power cut."""
        row = await self.fetch_row(
            "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit"
        )
        if row is None or row["fsync"] != "on" or row["synchronous_commit"] not in {"on", "remote_apply"}:
            raise NotDurableError("PostgreSQL must run with fsync=on and synchronous_commit=on")

    async def close(self) -> None:
        """Close the pool; connections that do not return in time are cut."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Any]:
        async with _translated():
            try:
                async with self._pool.acquire(timeout=self._timeout_seconds) as connection:
                    yield connection
            except TimeoutError:
                raise  # an OSError by class, but slow is not gone: new connections would only add to the load
            except _GONE:
                await self._pool.expire_connections()
                raise


async def _nothing_to_reset(_connection: object) -> None:
    """No statement of ours leaves anything behind in its session, and the driver's own reset costs a round trip."""


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except _PASSING as error:
        log.warning("database failed", error_type=type(error).__qualname__)
        cause = "database_timeout" if isinstance(error, TimeoutError) else "database_unreachable"
        raise Retryable(cause) from error
    except _NOT_THERE as error:
        raise SchemaError(SCHEMA_ADVICE) from error
