"""Runs services in groups: each group is ready before the next one starts, and the last one started stops first.

Guarantee: `stop` is through within STOP_SECONDS, by force if need be. Services that die are started again by their
runners. If the process of the supervisor dies, the launcher takes every service along.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from gelombang.backoff import allowance_seconds
from gelombang.errors import ServerStartError
from gelombang.logs import Log
from gelombang.service import LAST_WORDS, Runner, Service, Surroundings

STOP_SECONDS = 9.0
HURRIED_GROUP_SECONDS = 0.5  # PostgreSQL usually needs less to stop cleanly
TRIM_EVERY_SECONDS = 30.0


@contextlib.asynccontextmanager
async def supervise(logs: Path, surroundings: Surroundings) -> AsyncIterator["Supervisor"]:
    """Give a supervisor; whatever ends the block, every service is stopped before it is left."""
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(tasks, logs, surroundings)
        trimming = tasks.create_task(supervisor.trim_logs())
        try:
            yield supervisor
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the group, which would wrap it
            failure = error
        await supervisor.stop()
        trimming.cancel()
    if failure is not None:
        raise failure


class Supervisor:
    """What runs at the moment, in the order in which it was started."""

    def __init__(self, tasks: asyncio.TaskGroup, logs: Path, surroundings: Surroundings) -> None:
        self._tasks = tasks
        self._logs = logs
        self._surroundings = surroundings
        self._groups: list[list[Runner]] = []
        self._hurried = False

    async def start(self, *services: Service) -> None:
        """Start a group and return when all of it is ready. Raises ServerStartError when one cannot be started.

        No services at all are ready at once.
        """
        if not services:
            return
        group = [Runner(service, self._log(service.name), self._surroundings) for service in services]
        self._groups.append(group)
        for runner in group:
            self._tasks.create_task(runner.run(), name=runner.service.name)
        await asyncio.gather(*(runner.started for runner in group))

    async def complete(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Run a command to its end. Raises ServerStartError, with the command's last words, unless it exits 0."""
        log = self._log(name)
        with log.open() as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=dict(environment),
                pass_fds=self._surroundings.keep_open,
                start_new_session=True,
            )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            last = "".join(f"\n    {line}" for line in log.last_lines(LAST_WORDS))
            raise ServerStartError(f"{name} failed (exit code {code}). The end of {log.path}:{last}")

    def pids(self) -> dict[str, int]:
        """Give the process id of everything that runs, in starting order."""
        runners = [runner for group in self._groups for runner in group]
        return {runner.service.name: runner.pid for runner in runners if runner.pid is not None}

    async def stop(self) -> None:
        """Stop every group, the latest first; groups still to come keep their share of the time."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + STOP_SECONDS
        while self._groups:
            group = self._groups[-1]
            others = sum(max(runner.service.grace_seconds for runner in other) for other in self._groups[:-1])
            allowance = HURRIED_GROUP_SECONDS if self._hurried else allowance_seconds(deadline - clock(), others)
            await asyncio.gather(*(runner.stop(allowance) for runner in group))
            self._groups.pop()

    def hurry(self) -> None:
        """Kill what is being waited for, and give the groups after it a moment only: somebody does not want to wait."""
        self._hurried = True
        for runner in self._groups[-1] if self._groups else ():
            runner.kill()

    async def trim_logs(self) -> None:
        """Keep every log file bounded, for as long as the supervisor lives."""
        while True:
            await asyncio.sleep(TRIM_EVERY_SECONDS)
            self.trim_logs_once()

    def trim_logs_once(self) -> None:
        """Look at every log file once."""
        for group in self._groups:
            for runner in group:
                runner.log.trim()

    def _log(self, name: str) -> Log:
        log = Log(self._logs / f"{name}.log")
        log.begin()
        return log
