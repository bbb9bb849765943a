"""The field: every contender of the bench and how it is run, on servers that were started by someone else.

Each has its own database and one process a core; they share PostgreSQL and Valkey, whose settings are the front door's.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtest.bench.contender import APP, POSTGRESQL, VALKEY, Contender, Serving
from loadtest.bench.serving import Program, running
from loadtest.bench.stock import Stock
from registration.checks import Kind
from registration.sealing import KeyRing
from registration.store.migrate import migrate
from registration.streams import keys

HOST = "127.0.0.1"
PATH = "/api/v1/registrations"
NAMES = ("floor", "handler", "gelombang", "plain_aiohttp", "fastapi_arq")
FLOOR, HANDLER, FRONT_DOOR, PLAIN_AIOHTTP, FASTAPI_ARQ = NAMES
TITLES = {
    FLOOR: "aiohttp tuned with msgspec, stores nothing",
    HANDLER: "aiohttp as documented, parses the JSON, stores nothing",
    FRONT_DOOR: "this front door, all features on",
    PLAIN_AIOHTTP: "aiohttp, a row and two XADDs per request",
    FASTAPI_ARQ: "FastAPI, asyncpg, arq: a row and two jobs per request",
}
FRONT_DOOR_SETTINGS = {
    # No worker runs: with the default cap, streams would fill within seconds and take no more, cheaper than production.
    "GELOMBANG_STREAM_CAP": "100000000",
    # Made-up people share a few mail domains: their registrations are counted as always, and refused by that never.
    "GELOMBANG_LIMIT_PER_EMAIL_DOMAIN": "100000000",
}
# What a caller may not set: these are the bench's own.
_OWN_SUFFIXES = ("_URL", "_KEYS", "_HOST", "_PORT", "_USER", "_PASSWORD")
_PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What contenders run on. `wrap` makes a command line whose process ends with ours; `peer_python` may be absent."""

    database_url: Callable[[str], str]
    redis_url: str
    valkey_socket: str
    server_pids: Mapping[str, int]
    shared_port: Callable[[], int]
    private_port: Callable[[], int]
    wrap: Callable[[Sequence[str]], list[str]]
    environment: Mapping[str, str]
    directory: Path
    peer_python: Path | None
    processes: int

    @contextlib.contextmanager
    def serve(self, programs: Sequence[Program], port: int) -> Iterator[Serving]:
        """Run the programs as one contender."""
        with running(programs, self.directory) as pids:
            groups = {APP: pids, POSTGRESQL: [self.server_pids[POSTGRESQL]], VALKEY: [self.server_pids[VALKEY]]}
            yield Serving(url=f"http://{HOST}:{port}{PATH}", groups=groups)

    def stock(self, database: str, *entry_counts: str) -> Stock:
        """The stores of one contender."""
        return Stock(
            database_url=self.database_url(database), valkey_socket=self.valkey_socket, entry_counts=entry_counts
        )


def contenders(ground: Ground, names: Sequence[str]) -> list[Contender]:
    """The contenders of these names, their databases made."""
    makers: dict[str, Callable[[Ground], Contender]] = {
        FLOOR: partial(storing_nothing, FLOOR),
        HANDLER: partial(storing_nothing, HANDLER),
        FRONT_DOOR: front_door,
        PLAIN_AIOHTTP: plain_aiohttp,
        FASTAPI_ARQ: fastapi_arq,
    }
    return [makers[name](ground) for name in names]


def storing_nothing(name: str, ground: Ground) -> Contender:
    """What the HTTP of a registration costs."""
    return Contender(name=name, title=TITLES[name], serve=lambda: _scripts(ground, name, environment={}), stock=None)


def plain_aiohttp(ground: Ground) -> Contender:
    """The lean peer."""
    stock = ground.stock(PLAIN_AIOHTTP, "XLEN plain:check_nik", "XLEN plain:check_email")
    _make_peer_database(ground, PLAIN_AIOHTTP)
    told = {"DATABASE_URL": stock.database_url, "REDIS_URL": ground.redis_url}
    return Contender(
        name=PLAIN_AIOHTTP,
        title=TITLES[PLAIN_AIOHTTP],
        serve=lambda: _scripts(ground, PLAIN_AIOHTTP, environment=told),
        stock=stock,
    )


def fastapi_arq(ground: Ground) -> Contender:
    """The usual peer."""
    stock = ground.stock(FASTAPI_ARQ, "ZCARD fastapi:queue")
    _make_peer_database(ground, FASTAPI_ARQ)
    return Contender(name=FASTAPI_ARQ, title=TITLES[FASTAPI_ARQ], serve=partial(_uvicorn, ground, stock), stock=stock)


def front_door(
    ground: Ground,
    *,
    database: str = "front_door",
    python_options: Sequence[str] = (),
    processes: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Contender:
    """The front door, on a database of that name; `python_options` stand before `-m ingest`."""
    ground.stock("postgres").run(f"create database {database}")
    asyncio.run(migrate(ground.database_url(database)))
    ring = ground.directory / "keys.json"
    if not ring.exists():
        ring.touch(mode=0o600)
        ring.write_text(KeyRing.generate().to_json(), encoding="utf-8")
    settings = {**_callers_settings(ground.environment), **FRONT_DOOR_SETTINGS, **(settings or {})}
    told = {
        **settings,
        "GELOMBANG_DATABASE_URL": ground.database_url(database),
        "GELOMBANG_REDIS_URL": ground.redis_url,
        "GELOMBANG_KEYS": str(ring),
    }
    return Contender(
        name=FRONT_DOOR,
        title=TITLES[FRONT_DOOR],
        serve=partial(_ingest, ground, told, python_options, processes or ground.processes),
        stock=ground.stock(database, *(f"XLEN {keys.stream(kind)}" for kind in Kind)),
        settings=settings,
    )


@contextlib.contextmanager
def _ingest(
    ground: Ground, told: Mapping[str, str], python_options: Sequence[str], processes: int
) -> Iterator[Serving]:
    port = ground.shared_port()
    programs = []
    for number in range(1, processes + 1):
        admin = ground.private_port()
        own = {
            "GELOMBANG_HOST": HOST,
            "GELOMBANG_PORT": str(port),
            "GELOMBANG_PUBLIC_URL": f"http://{HOST}:{port}",
            "GELOMBANG_ADMIN_HOST": HOST,
            "GELOMBANG_ADMIN_PORT": str(admin),
        }
        programs.append(
            Program(
                name=f"gelombang-{number}",
                command=ground.wrap([sys.executable, "-P", *python_options, "-m", "ingest"]),
                environment={**plain(ground.environment), **told, **own},
                ready_url=f"http://{HOST}:{admin}/readyz",
            )
        )
    with ground.serve(programs, port) as serving:
        yield serving


@contextlib.contextmanager
def _scripts(ground: Ground, name: str, *, environment: Mapping[str, str]) -> Iterator[Serving]:
    """A script of the peers, once for each core, on one port."""
    port = ground.shared_port()
    programs = [
        Program(
            name=f"{name}-{number}",
            command=ground.wrap([sys.executable, "-P", str(_PEERS / f"{name}.py"), str(port)]),
            environment={**plain(ground.environment), **environment},
            ready_url=f"http://{HOST}:{port}/healthz",
        )
        for number in range(1, ground.processes + 1)
    ]
    with ground.serve(programs, port) as serving:
        yield serving


@contextlib.contextmanager
def _uvicorn(ground: Ground, stock: Stock) -> Iterator[Serving]:
    port = ground.private_port()
    options = f"--host {HOST} --port {port} --workers {ground.processes} --backlog 4096 --no-access-log"
    line = [str(ground.peer_python), "-P", "-m", "uvicorn", f"--app-dir={_PEERS}", "fastapi_arq:app", *options.split()]
    program = Program(
        name=FASTAPI_ARQ,
        command=ground.wrap([*line, "--log-level=warning"]),
        environment={
            **plain(ground.environment),
            "DATABASE_URL": stock.database_url,
            "REDIS_URL": ground.redis_url,
        },
        ready_url=f"http://{HOST}:{port}/healthz",
    )
    with ground.serve([program], port) as serving:
        yield serving


def _make_peer_database(ground: Ground, name: str) -> None:
    ground.stock("postgres").run(f"create database {name}")
    ground.stock(name).run((_PEERS / "schema.sql").read_text(encoding="utf-8"))


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of ours."""
    return {name: value for name, value in environment.items() if not name.startswith("GELOMBANG_")}


def _callers_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings of whoever runs the bench, to try them out; the report names them."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("GELOMBANG_") and not name.endswith(_OWN_SUFFIXES) and value
    }
