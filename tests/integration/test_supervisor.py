"""The supervisor with real processes: restarts, readiness, order of stopping."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gelombang import launcher
from gelombang.errors import ServerStartError
from gelombang.logs import Log
from gelombang.service import Runner, Service, Surroundings
from gelombang.supervisor import supervise

DEADLINE_SECONDS = 30

STEADY = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def stop(*_):
    with (folder / "order").open("a") as order:
        order.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(folder / (name + ".ready")).touch()
while True:
    time.sleep(60)
"""
STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(pathlib.Path(sys.argv[2]) / (sys.argv[1] + ".ready")).touch()
while True:
    time.sleep(60)
"""
BROKEN = "import sys; sys.exit('no such database')"


def service(name: str, folder: Path, program: str = STEADY) -> Service:
    """Describe a service that is ready once its file is there."""
    command = launcher.wrap([sys.executable, "-c", program, name, str(folder)], death_signal=signal.SIGKILL)
    return Service(name=name, command=tuple(command), is_ready=(folder / f"{name}.ready").exists)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is looked at is another process
            await asyncio.sleep(0.02)


async def test_a_dead_service_is_started_again_and_both_are_said(tmp_path: Path) -> None:
    """Whoever watches the terminal learns that a service died and that it is back, under its new process id."""
    said: list[str] = []
    changes: list[dict[str, int]] = []
    surroundings = Surroundings(report=said.append, pid_changed=lambda: changes.append(supervisor.pids()))
    async with supervise(tmp_path / "logs", surroundings) as supervisor:
        await supervisor.start(service("one", tmp_path))
        before = supervisor.pids()["one"]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: any("is back" in line for line in said))
        after = supervisor.pids()["one"]
    assert before != after
    assert [{"one": after}] == changes
    assert "one ended unexpectedly (SIGKILL)" in said[0]
    assert "one is back." in said


async def run_all(folder: Path, *services: Service) -> None:
    """Start services one after another and stop them again."""
    async with supervise(folder / "logs", Surroundings(report=lambda _: None)) as supervisor:
        for each in services:
            await supervisor.start(each)


async def test_a_service_that_cannot_start_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is on the terminal; nobody has to look for it."""
    monkeypatch.setattr("gelombang.service.TRIES_BEFORE_GIVING_UP", 2)
    with pytest.raises(ServerStartError, match="no such database"):
        await run_all(tmp_path, service("steady", tmp_path), service("broken", tmp_path, BROKEN))
    assert (tmp_path / "order").read_text() == "steady\n", "what ran is stopped cleanly all the same"


async def test_groups_stop_in_reverse_order(tmp_path: Path) -> None:
    """Front doors stop before the database that they write to."""
    async with supervise(tmp_path / "logs", Surroundings(report=lambda _: None)) as supervisor:
        await supervisor.start()  # as when an environment names its own database
        for name in ("database", "simulators", "ingest"):
            await supervisor.start(service(name, tmp_path))
        assert list(supervisor.pids()) == ["database", "simulators", "ingest"]
    assert (tmp_path / "order").read_text().split() == ["ingest", "simulators", "database"]


async def test_a_service_that_hangs_is_killed(tmp_path: Path) -> None:
    """Ctrl-C ends everything, whatever a service thinks of it."""
    said: list[str] = []
    log = Log(tmp_path / "hung.log")
    runner = Runner(service("hung", tmp_path, STUBBORN), log, Surroundings(report=said.append))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        await runner.started
        await runner.stop(0.1)
    assert runner.pid is None
    assert said == ["hung did not stop in time and was killed."]


async def test_cancelling_stops_everything(tmp_path: Path) -> None:
    """Ctrl-C while the stack is starting leaves nothing behind."""
    pids: dict[str, int] = {}

    async def run() -> None:
        async with supervise(tmp_path / "logs", Surroundings(report=lambda _: None)) as supervisor:
            await supervisor.start(service("one", tmp_path))
            pids.update(supervisor.pids())
            never = service("never", tmp_path)
            await supervisor.start(
                Service(name="never", command=never.command, is_ready=lambda: False),
            )

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        await eventually((tmp_path / "never.ready").exists)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert set((tmp_path / "order").read_text().split()) == {"one", "never"}
    with pytest.raises(ProcessLookupError):
        os.kill(pids["one"], 0)


async def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    """A migration that fails ends the start with its own words."""
    async with supervise(tmp_path / "logs", Surroundings(report=lambda _: None)) as supervisor:
        await supervisor.complete("works", [sys.executable, "-c", "pass"], {})
        with pytest.raises(ServerStartError, match=r"migrate failed \(exit code 1\)[\s\S]*no such database"):
            await supervisor.complete("migrate", [sys.executable, "-c", BROKEN], {})
