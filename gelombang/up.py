"""`gelombang up`: the whole system on this machine, until Ctrl-C.

Guarantee: `endpoints.json` is there only while everything is ready. One stack per data directory. Whatever ends the
command, even `kill -9`, nothing that it started stays behind, and what the front door answered 202 for stays in the
data directory.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gelombang import data_directory, stack, watching
from gelombang.data_directory import DataDirectory
from gelombang.ports import Ports
from gelombang.service import Service, Surroundings
from gelombang.stack import Stack
from gelombang.supervisor import Supervisor, supervise

INTERRUPTED = 130  # what shells answer for a program that Ctrl-C ended
SAME_SIGNAL_SECONDS = 1.0  # timeout(1) and the like signal the process and its group: that is one wish, not two


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    port: int
    data_directory: Path
    processes: int
    workers: int
    fresh: bool
    simulators: bool
    fault_proxy: bool
    watch: watching.Wanted | None


def up(  # noqa: PLR0913 - one parameter for each option
    *,
    port: Annotated[int, typer.Option(envvar="GELOMBANG_PORT", help="Front door's port; 0 is any free one.")] = 8080,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where the data is kept; by default ~/.local/state/gelombang.", show_default=False),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Front-door processes; by default one per core.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Workers of each kind; 0: the front door alone.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the data directory first.")] = False,
    no_simulators: Annotated[bool, typer.Option("--no-simulators", help="Start no ministry, mail and SMS.")] = False,
    fault_proxy: Annotated[
        bool, typer.Option("--fault-proxy", help="Put a proxy between the parts that can delay, cut and lose.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Start Prometheus and Alertmanager, where installed.")] = False,
    watch_compression: Annotated[
        float, typer.Option(min=1, help="With --watch: alert windows and waits so many times shorter.")
    ] = 1.0,
    watch_notify: Annotated[
        str | None, typer.Option(help="With --watch: post pages and tickets to this address.", show_default=False)
    ] = None,
) -> None:
    """Run the whole system on this machine until Ctrl-C."""
    options = Options(
        port=port,
        data_directory=data_dir or data_directory.default_path(),
        processes=processes or len(os.sched_getaffinity(0)),
        workers=workers,
        fresh=fresh,
        simulators=not no_simulators,
        fault_proxy=fault_proxy,
        watch=watching.Wanted(compression=watch_compression, notify=watch_notify) if watch else None,
    )
    raise typer.Exit(run(options))


def run(options: Options) -> int:
    """Run the stack; give the exit status. Raises CommandError for what the caller can mend."""
    progress = Progress(time.monotonic)
    if options.fresh:
        data_directory.refuse_to_empty(options.data_directory)
    with data_directory.lock(options.data_directory, report=progress.say) as directory, Ports(stack.HOST) as ports:
        if options.fresh:
            directory.empty()
        directory.endpoints.unlink(missing_ok=True)  # what a killed run left
        composed = stack.compose(ports, port=options.port, directory=directory)
        return asyncio.run(_run_until_signal(composed, directory, options, progress))


class Progress:
    """Tells the person what happens, one line each, with the time since the start."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()

    def say(self, words: str) -> None:
        """Print one line now, also into a pipe."""
        print(f"[{self._clock() - self._began:5.1f} s] {words}", flush=True)

    def warn(self, words: str) -> None:
        """Print one line that somebody should look at."""
        print(f"[{self._clock() - self._began:5.1f} s] {words}", file=sys.stderr, flush=True)


async def _run_until_signal(composed: Stack, directory: DataDirectory, options: Options, progress: Progress) -> int:
    changed = asyncio.Event()
    surroundings = Surroundings(report=progress.warn, pid_changed=changed.set, keep_open=(directory.lock,))
    status = INTERRUPTED
    try:
        async with supervise(directory.logs, surroundings) as supervisor:
            _stop_on_signal(supervisor, progress)
            await _start(composed, directory, options, supervisor, progress)
            status = 0
            await _stay(composed, directory, supervisor, changed)
    except asyncio.CancelledError:  # a signal asked for it, and everything is stopped by now
        progress.say("stopped")
    return status


async def _start(
    composed: Stack, directory: DataDirectory, options: Options, supervisor: Supervisor, progress: Progress
) -> None:
    """Start everything in order; each step is ready before the next one begins."""
    progress.say(f"data directory {directory.path}")
    if not os.environ.get("GELOMBANG_KEYS"):
        directory.ensure_keys(_new_keys)
    databases = await asyncio.to_thread(composed.databases, directory.path)
    await supervisor.start(*databases)
    progress.say(f"{_names(databases) or 'PostgreSQL and Valkey of the environment'} ready")

    await supervisor.complete("migrate", composed.migration(), composed.environment)
    progress.say("database schema ready")

    if options.simulators:
        stand_ins = composed.simulators()
        await supervisor.start(*stand_ins)
        progress.say(f"{_names(stand_ins) or 'ministry, mail and SMS of the environment'} ready")
    for kind in sorted(stack.WORKERS.keys() - set(composed.kinds())):
        progress.warn(f"no {kind} worker: {stack.WORKERS[kind]} is not set, so these checks stay pending")

    if options.fault_proxy:
        await supervisor.start(*composed.fault_proxy())
        progress.say(f"fault proxy ready, control {composed.fault_control}/links")

    applications = composed.applications(options.processes, options.workers)
    await supervisor.start(*applications)
    progress.say(f"{_names(applications)} ready")

    if options.watch is not None:
        watchers = composed.watchers(directory.path, options.watch)
        await supervisor.start(*watchers)
        (progress.say if watchers else progress.warn)(f"{_names(watchers)} ready" if watchers else watching.MISSING)


async def _stay(composed: Stack, directory: DataDirectory, supervisor: Supervisor, changed: asyncio.Event) -> None:
    """Keep `endpoints.json` true until a signal cancels this; take it away before anything stops."""
    try:
        composed.endpoints(supervisor.pids()).write(directory.endpoints)
        _print_addresses(composed, directory)
        while True:
            await changed.wait()
            changed.clear()
            composed.endpoints(supervisor.pids()).write(directory.endpoints)
    finally:
        directory.endpoints.unlink(missing_ok=True)


def _stop_on_signal(supervisor: Supervisor, progress: Progress) -> None:
    """Let the first Ctrl-C or SIGTERM stop everything in order, and a later one hurry."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked_at: float | None = None

    def stop() -> None:
        nonlocal asked_at
        if asked_at is None:
            asked_at = loop.time()
            progress.say("stopping (Ctrl-C again kills what takes long)")
            if task is not None:
                task.cancel()
        elif loop.time() - asked_at > SAME_SIGNAL_SECONDS:
            supervisor.hurry()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _print_addresses(composed: Stack, directory: DataDirectory) -> None:
    found = composed.endpoints({})
    lines = [
        ("front door", found.front_door),
        ("mailbox", found.mailbox),
        ("sms", found.sms),
        ("ministry", found.ministry),
        ("student", found.student),
        ("desk", found.desk),
        *(("metrics", url) for url in found.metrics),
        ("prometheus", found.prometheus),
        ("alerts", found.alertmanager),
        ("data", str(directory.path)),
        ("logs", str(directory.logs)),
    ]
    for name, where in lines:
        if where is not None:
            print(f"{name:<11} {where}")
    print("Ctrl-C stops.", flush=True)


def _names(services: list[Service]) -> str:
    return ", ".join(service.name for service in services)


def _new_keys() -> str:
    from registration.sealing import KeyRing  # noqa: PLC0415 - slow to import, and needed on the first run only

    return KeyRing.generate().to_json()
