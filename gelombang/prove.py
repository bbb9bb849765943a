"""`gelombang prove`: a capacity proof from a plan, or what an earlier proof is worth now.

By default it starts a stack of its own, on a data directory below the results' folder, and removes it at the end: the
plan decides everything. With `--data-dir` or `--url` it proves a system that runs already. An interrupted proof is
written, and says that it proves nothing.
"""

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gelombang import data_directory, endpoints, probes
from gelombang.errors import CommandError
from gelombang.local_settings import LOCAL_SETTINGS
from gelombang.own_stack import FOR_FIGURES, running
from gelombang.stopping import stopped_by_term

if TYPE_CHECKING:
    from loadtest.proof.plan import Environment
    from loadtest.proof.system import System
    from registration.sealing import KeyRing

HISTORIC_PEAK = Path(__file__).parents[1] / "loadtest" / "plans" / "historic-peak.toml"


def prove(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")] = HISTORIC_PEAK,
    *,
    check: Annotated[
        Path | None, typer.Option(help="Run nothing: say what this record of a proof is worth now.", show_default=False)
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Prove the local stack of this data directory.", show_default=False)
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Prove the front door at this address; GELOMBANG_DATABASE_URL and _KEYS say the rest."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("prove-results"),
) -> None:
    """Prove that a plan's rate is held, with everything acknowledged stored, or check an earlier proof.

    Exit code 0: go. 1: an objective is missed. 2: the run, or the record, is not valid. 3: something is missing here.
    """
    from loadtest.proof import session  # noqa: PLC0415 - slow to import
    from loadtest.proof.plan import read  # noqa: PLC0415

    try:
        found, digest = read(plan)
        ring = signing_ring(data_dir)
        config = _config(own=url is None)
        if check is not None:
            chosen = digest if plan != HISTORIC_PEAK else None
            raise typer.Exit(session.check(check, ring, config=config, plan_digest=chosen))
        output.mkdir(parents=True, exist_ok=True)
        with (
            stopped_by_term(),
            tempfile.TemporaryDirectory(prefix="data-", dir=output) as scratch,
            _system(found.environment, Path(scratch), ring, data_dir=data_dir, url=url) as (system, valkey),
        ):
            wanted = session.Wanted(
                plan=found,
                plan_digest=digest,
                command=shlex.join(["gelombang", *sys.argv[1:]]),
                config={**config, **found.environment.settings},
                output=output,
                valkey_version=valkey,
            )
            code = session.prove(system, wanted, ring, Path(scratch))
        raise typer.Exit(code)
    except session.ENVIRONMENT_ERRORS as error:
        raise CommandError(str(error)) from error


def worth(record: Path, data_dir: Path | None) -> int:
    """What a record is worth now, as an exit code, and prints it: 0 when it proves this build as it is set."""
    from loadtest.proof import session  # noqa: PLC0415 - slow to import

    try:
        return session.check(record, signing_ring(data_dir), config=_config(own=True), plan_digest=None)
    except session.ENVIRONMENT_ERRORS as error:
        raise CommandError(str(error)) from error


@contextlib.contextmanager
def _system(
    environment: "Environment", scratch: Path, ring: "KeyRing", *, data_dir: Path | None, url: str | None
) -> Iterator[tuple["System", str]]:
    """The system to prove, and Valkey's version as far as it is known."""
    from loadtest.proof.system import System  # noqa: PLC0415 - slow to import

    if url is not None:
        database_url = os.environ.get("GELOMBANG_DATABASE_URL")
        if not database_url:
            raise CommandError(
                "with --url, GELOMBANG_DATABASE_URL must say where its PostgreSQL is: the books are there"
            )
        if not probes.http_answers(url):
            raise CommandError(f"the front door {url} does not answer")
        yield System(front_door=url, database_url=database_url, ring=ring), "unknown"
        return
    with contextlib.ExitStack() as stack:
        found: Mapping[str, Any] | None
        if data_dir is not None:
            found = endpoints.read(data_dir / data_directory.ENDPOINTS)
            if found is None:
                raise CommandError(f"no system runs with the data directory {data_dir}. Start one with `gelombang up`.")
        else:
            found = stack.enter_context(own_stack(scratch, ring, environment))
        yield system_of(found, ring), _valkey_version(found["redis_url"])


def system_of(found: Mapping[str, Any], ring: "KeyRing") -> "System":
    """The local stack with these endpoints."""
    from loadtest.proof.system import System  # noqa: PLC0415 - slow to import

    names = ("front_door", "mailbox", "sms", "ministry", "database_url", "redis_url", "pids")
    return System(**{name: found[name] for name in names}, ring=ring)


@contextlib.contextmanager
def own_stack(scratch: Path, ring: "KeyRing", environment: "Environment | None" = None) -> Iterator[Mapping[str, Any]]:
    """A stack of our own, on this key ring, as a plan wants it."""
    options = ["--workers", str(environment.workers if environment else 1)]
    if environment is not None and environment.front_doors is not None:
        options += ["--processes", str(environment.front_doors)]
    keys = scratch / "keys.json"
    data_directory.write_whole(keys, ring.to_json())
    told = {**FOR_FIGURES, **os.environ, **(environment.settings if environment else {}), "GELOMBANG_KEYS": str(keys)}
    with running(scratch / "stack", *options, environment=told) as found:
        yield found


def signing_ring(data_dir: Path | None) -> "KeyRing":
    """The ring that signs: of GELOMBANG_KEYS, of the data directory, or of the per-user one, made when needed."""
    from registration.sealing import KeyRing  # noqa: PLC0415 - slow to import

    if source := os.environ.get("GELOMBANG_KEYS"):
        return KeyRing.load(source)
    keys = (data_dir or data_directory.default_path()) / data_directory.KEYS
    if not keys.exists():
        if data_dir is not None:
            raise CommandError(f"{keys} is not there: without the key ring nothing can be looked up or signed")
        with data_directory.lock(data_directory.default_path(), report=lambda _: None) as directory:
            directory.ensure_keys(lambda: KeyRing.generate().to_json())
    return KeyRing.load(str(keys))


def _config(*, own: bool) -> dict[str, str]:
    """The settings that are not at their default, as the system has them."""
    given = {name: value for name, value in os.environ.items() if name.startswith("GELOMBANG_") and value}
    return {**LOCAL_SETTINGS, **given} if own else given


def _valkey_version(redis_url: str) -> str:
    """Where it listens on a socket, as ours does, it is asked."""
    from loadtest.bench.session import valkey_version  # noqa: PLC0415 - slow to import
    from loadtest.bench.stock import valkey  # noqa: PLC0415

    if not redis_url.startswith("unix://"):
        return "unknown"
    return valkey_version(valkey(redis_url.removeprefix("unix://").partition("?")[0], "INFO server"))
