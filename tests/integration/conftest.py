"""Real PostgreSQL and Valkey for one test run; a database of its own and an empty Valkey for every test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from redis.asyncio import Redis

from gelombang import embedded
from registration.sealing import KeyRing
from registration.settings import Settings, read
from registration.store.database import Database
from registration.store.migrate import migrate
from registration.streams.streams import Streams

TEMPLATE = "gelombang_template"
_numbers = itertools.count()
# Ends every other session, as dropping would, and takes away rows without triggers, in any order.
_EMPTY = """
set synchronous_commit = off;
select pg_terminate_backend(pid, 10000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';
set session_replication_role = replica;
do $$
declare name text;
begin
    for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' loop
        execute format('delete from %I', name);
    end loop;
end $$;
"""
_IS_AS_IT_WAS = """
select not exists (select from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase
    where d.datname = current_database())
"""


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """Both servers, started once."""
    with embedded.servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="session")
def template(servers: embedded.Servers) -> str:
    """The name of a migrated database that tests copy."""
    asyncio.run(_admin(servers.database_url, f"create database {TEMPLATE}"))
    asyncio.run(migrate(_url(servers, TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(servers: embedded.Servers, template: str) -> "Databases":
    """Where tests get theirs."""
    return Databases(servers, template)


@pytest.fixture
def database_url(databases: "Databases") -> Iterator[str]:
    """A migrated database without a row and without another session."""
    name = asyncio.run(databases.take())
    yield _url(databases.servers, name)
    asyncio.run(databases.give_back(name))


@pytest.fixture
def ring() -> KeyRing:
    """A key ring of the test's own."""
    return KeyRing.generate()


@pytest.fixture
def settings(database_url: str, servers: embedded.Servers, ring: KeyRing) -> Settings:
    """Settings on the test's database and on Valkey, with short waits."""
    return read(
        {
            "GELOMBANG_DATABASE_URL": database_url,
            "GELOMBANG_REDIS_URL": servers.redis_url,
            "GELOMBANG_KEYS": ring.to_json(),
            "GELOMBANG_ADMIN_PORT": "0",
            "GELOMBANG_LEASE_SECONDS": "0.5",
            "GELOMBANG_RELAY_INTERVAL_SECONDS": "0.05",
            "GELOMBANG_RETRY_BASE_SECONDS": "0.05",
            "GELOMBANG_RETRY_CAP_SECONDS": "0.2",
            "GELOMBANG_NOT_FOUND_RECHECK_SECONDS": "0.1,0.1",
            "GELOMBANG_DRAIN_SECONDS": "2",
            "GELOMBANG_MINISTRY_RATE_PER_SECOND": "10000",
            "GELOMBANG_MINISTRY_CONCURRENCY": "1000",
            "GELOMBANG_MINISTRY_QUOTA_WAIT_SECONDS": "1",
        }
    )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the test's database."""
    pool = await Database.connect(database_url, pool_size=20, timeout_seconds=20.0, name="test")
    yield pool
    await pool.close()


@pytest.fixture
async def streams(servers: embedded.Servers) -> AsyncIterator[Streams]:
    """Streams in an empty Valkey."""
    made = Streams(servers.redis_url, timeout_seconds=5.0, cap=1_000)
    await _empty(servers.redis_url)
    yield made
    await made.close()


class Databases:
    """A copy of the template, emptied after each test; a new one when a test has changed more than rows.

    Emptying costs a fifth of what copying does.
    """

    def __init__(self, servers: embedded.Servers, template: str) -> None:
        self.servers = servers
        self._template = template
        self._clean: str | None = None

    async def take(self) -> str:
        """The name of one that nobody else uses."""
        name, self._clean = self._clean, None
        if name is None:
            name = f"test_{next(_numbers)}"
            await _admin(self.servers.database_url, f"create database {name} template {self._template}")
        return name

    async def give_back(self, name: str) -> None:
        """Put it in order for the next test, or away."""
        connection = await asyncpg.connect(_url(self.servers, name))
        try:
            await connection.execute(_EMPTY)
            is_as_it_was = await connection.fetchval(_IS_AS_IT_WAS)
        finally:
            await connection.close()
        if is_as_it_was and self._clean is None:
            self._clean = name
        else:
            await _admin(self.servers.database_url, f"drop database {name} with (force)")


async def _empty(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    await client.flushall()
    await client.aclose()


async def _admin(database_url: str, sql: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _url(servers: embedded.Servers, database: str) -> str:
    return servers.database_url.replace("/gelombang?", f"/{database}?")
