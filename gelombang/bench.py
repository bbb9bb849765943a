"""`gelombang bench`: the front door beside its peers, in alternating rounds on this machine.

Starts PostgreSQL and Valkey of its own on a data directory below the results' folder, so that commits go to a real
disk, and removes it at the end. Everything it started stops with it. An interrupted run proves nothing and writes
nothing.
"""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gelombang.errors import CommandError
from gelombang.stopping import stopped_by_term

if TYPE_CHECKING:
    from loadtest.adaptation.live import Stack
    from loadtest.bench.field import Ground

_PEER_PYTHON = Path(".venv-bench") / "bin" / "python"
_HOST = "127.0.0.1"
_NOT_VALID = 2


def bench(  # noqa: PLR0913 - one parameter for each option
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; ratios are taken within each, then their median.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of one measurement.")] = 6.0,
    connections: Annotated[int, typer.Option(min=1, help="Clients that ask at once.")] = 256,
    only: Annotated[
        list[str] | None, typer.Option(help="Measure this contender alone; may be repeated.", show_default=False)
    ] = None,
    growth: Annotated[
        bool, typer.Option("--growth", help="Front door's CPU: 10,000 rows against a full table.")
    ] = False,
    rows: Annotated[int, typer.Option(min=10_000, help="Rows of the full table of --growth.")] = 5_600_000,
    enumeration: Annotated[
        bool, typer.Option("--enumeration", help="Whether an answer's time tells a known NIK or e-mail.")
    ] = False,
    pairs: Annotated[int, typer.Option(min=2, help="Known and unknown people of --enumeration.")] = 100_000,
    overload: Annotated[
        bool, typer.Option("--overload", help="What is left of the rate at three times the capacity.")
    ] = False,
    adaptation: Annotated[
        bool, typer.Option("--adaptation", help="Simulate how the ministry's capacity is found; starts no server.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="With --adaptation: real workers, real time, a stand-in; about 10 minutes.")
    ] = False,
    servers: Annotated[int, typer.Option(min=2, help="Servers of the registry of --live.")] = 10,
    service_seconds: Annotated[float, typer.Option(min=0.01, help="Mean time of one of its calls.")] = 0.1,
    leg_seconds: Annotated[float, typer.Option(min=12, help="How long each of its three capacities lasts.")] = 40.0,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each scenario of --adaptation; more where answers are few.")
    ] = 10,
    checks: Annotated[bool, typer.Option("--checks", help="The NIK worker beside an arq worker.")] = False,
    profile: Annotated[
        Path | None, typer.Option(help="Profile one front-door process into this folder.", show_default=False)
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Measure nothing: hold a report against the targets.", show_default=False)
    ] = None,
    own_generator: Annotated[bool, typer.Option("--own-generator", help="Do not use wrk.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("bench-results"),
) -> None:
    """Compare the front door with its peers on this machine.

    Exit code 0: done, or with --check all targets are reached. 1: a target is missed. 2: the run proves nothing.
    3: something is missing here.
    """
    from loadtest.bench import session  # noqa: PLC0415 - slow to import

    wanted = session.Wanted(
        rounds=rounds, seconds=seconds, connections=connections, own_generator=own_generator, output=output
    )
    try:
        if check is not None:
            raise typer.Exit(session.check(check))
        if adaptation:
            legs = _Legs(servers, service_seconds, leg_seconds) if live else None
            raise typer.Exit(_adaptation(output, seeds=seeds, legs=legs))
        names = session.names(only or ())
        with stopped_by_term(), _ground(output) as ground:
            if growth:
                code = session.growth(ground, wanted, rows=rows)
            elif enumeration:
                code = session.enumeration(ground, wanted, pairs=pairs)
            elif overload:
                code = session.overloaded(ground, wanted)
            elif checks:
                code = session.checks(ground, wanted)
            elif profile is not None:
                code = session.profile(ground, wanted, folder=profile)
            else:
                code = session.compare(ground, wanted, names)
        raise typer.Exit(code)
    except session.ENVIRONMENT_ERRORS as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        print("interrupted: this run proves nothing", file=sys.stderr)
        raise typer.Exit(_NOT_VALID) from None


class _Legs(NamedTuple):
    """The registry of --live, and how long each of its capacities lasts."""

    servers: int
    service_seconds: float
    leg_seconds: float


def _adaptation(output: Path, *, seeds: int, legs: _Legs | None) -> int:
    from loadtest.adaptation.live_session import live  # noqa: PLC0415 - slow to import
    from loadtest.adaptation.scenarios import Registry  # noqa: PLC0415
    from loadtest.adaptation.session import adaptation  # noqa: PLC0415

    if legs is None:
        return adaptation(seeds=seeds, output=output)
    registry = Registry(legs.servers, legs.service_seconds)
    if legs.leg_seconds <= registry.grace_seconds:
        raise CommandError(f"a leg must be longer than {registry.grace_seconds:g} s, after which it is judged")
    output.mkdir(parents=True, exist_ok=True)
    with stopped_by_term():
        return live(lambda workers: _started(output, workers), registry, leg_seconds=legs.leg_seconds, output=output)


@contextlib.contextmanager
def _started(output: Path, workers: int) -> Iterator["Stack"]:
    """Run a whole system of our own, with mail and SMS paused: they are not measured, and would use the same cores."""
    from gelombang import own_stack, server  # noqa: PLC0415 - slow to import
    from gelombang.connecting import with_database  # noqa: PLC0415
    from loadtest.adaptation.live import Stack  # noqa: PLC0415
    from registration.checks import Kind  # noqa: PLC0415
    from registration.store.pauses import pause  # noqa: PLC0415

    environment = {
        **own_stack.FOR_FIGURES,
        **server.environment(),
        "GELOMBANG_MINISTRY_TIMEOUT_SECONDS": "10",
        "GELOMBANG_CONCURRENCY": "512",
    }
    with tempfile.TemporaryDirectory(prefix="live-", dir=output.absolute()) as scratch:
        data = Path(scratch) / "data"
        with own_stack.running(data, f"--workers={workers}", environment=environment) as found:
            with_database(lambda database: pause(database, Kind.EMAIL, reason="bench", by="bench"), data)
            with_database(lambda database: pause(database, Kind.PHONE, reason="bench", by="bench"), data)
            yield Stack(found["front_door"], found["ministry"])


@contextlib.contextmanager
def _ground(output: Path) -> Iterator["Ground"]:
    """Run both servers, empty, with the settings of the local stack: durable, and Valkey with its append-only file."""
    from gelombang import embedded, launcher, server  # noqa: PLC0415 - not for --check
    from gelombang.ports import Ports  # noqa: PLC0415
    from loadtest.bench.field import Ground  # noqa: PLC0415

    output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="data-", dir=output) as data,
        embedded.servers(Path(data)) as servers,
        Ports(_HOST) as ports,
    ):
        default_url = servers.database_url
        yield Ground(
            database_url=lambda name: default_url.replace("/gelombang?", f"/{name}?"),
            redis_url=servers.redis_url,
            valkey_socket=servers.redis_url.removeprefix("unix://"),
            server_pids={"postgresql": servers.postgres.pid, "valkey": servers.valkey.pid},
            shared_port=lambda: ports.shared(0),
            private_port=ports.private,
            # uvicorn ends its workers when it is asked to, not when it is killed.
            wrap=lambda line: launcher.wrap(line, death_signal=signal.SIGTERM),
            environment=server.environment(),
            directory=Path(data),
            peer_python=_PEER_PYTHON.absolute() if _PEER_PYTHON.exists() else None,
            processes=len(os.sched_getaffinity(0)),
        )
