"""`gelombang prove`: a capacity proof from a plan, or what an earlier proof is worth now.

By default it starts a stack of its own, on a data directory below the results' folder, and removes it at the end: the
plan decides everything. With `--data-dir` or `--url` it proves a system that runs already. An interrupted proof is
written, and says that it proves nothing.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gelombang import data_directory, endpoints, launcher, probes
from gelombang.errors import CommandError
from gelombang.local_settings import LOCAL_SETTINGS

if TYPE_CHECKING:
    from loadtest.proof.plan import Environment
    from loadtest.proof.system import System
    from registration.sealing import KeyRing

HISTORIC_PEAK = Path(__file__).parents[1] / "loadtest" / "plans" / "historic-peak.toml"
_READY_SECONDS = 120.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.1


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
        ring = _ring(data_dir)
        config = _config(own=url is None)
        if check is not None:
            chosen = digest if plan != HISTORIC_PEAK else None
            raise typer.Exit(session.check(check, ring, config=config, plan_digest=chosen))
        output.mkdir(parents=True, exist_ok=True)
        with (
            _stopped_by_term(),
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
            found = stack.enter_context(_own_stack(environment, scratch, ring))
        names = ("front_door", "mailbox", "sms", "ministry", "database_url", "pids")
        yield System(**{name: found[name] for name in names}, ring=ring), _valkey_version(found["redis_url"])


@contextlib.contextmanager
def _own_stack(environment: "Environment", scratch: Path, ring: "KeyRing") -> Iterator[Mapping[str, Any]]:
    """`gelombang up` on an empty directory, as the plan wants it; ends with this process, whatever ends that."""
    directory, log = scratch / "stack", scratch / "stack.log"
    directory.mkdir()
    keys = scratch / "keys.json"
    data_directory.write_whole(keys, ring.to_json())
    line = [sys.executable, "-P", "-m", "gelombang", "up", "--port", "0", "--data-dir", str(directory)]
    line += ["--workers", str(environment.workers)]
    if environment.front_doors is not None:
        line += ["--processes", str(environment.front_doors)]
    told = {**os.environ, **environment.settings, "GELOMBANG_KEYS": str(keys)}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            launcher.wrap(line, death_signal=signal.SIGTERM),
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield _ready(process, directory, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(process: subprocess.Popen[bytes], directory: Path, log: Path) -> Mapping[str, Any]:
    deadline = time.monotonic() + _READY_SECONDS
    while (found := endpoints.read(directory / data_directory.ENDPOINTS)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise CommandError(f"the system to be proven did not start: {' / '.join(words) or 'it said nothing'}")
        time.sleep(_POLL_SECONDS)
    return found


def _ring(data_dir: Path | None) -> "KeyRing":
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


@contextlib.contextmanager
def _stopped_by_term() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: in order, with the data directory removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
