"""One supervised service: what it is, and the loop that keeps it running.

Guarantee: a service that was ready once is started again whenever it dies, after a growing wait, until it is asked to
stop. One that keeps dying before it was ever ready is given up, with its last words. If the supervisor itself dies, the
launcher takes the service along.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from signal import SIGKILL, SIGTERM, Signals

from gelombang.backoff import Backoff
from gelombang.errors import ServerStartError
from gelombang.logs import Log

READY_DEADLINE_SECONDS = 60.0
READY_POLL_SECONDS = 0.05
TRIES_BEFORE_GIVING_UP = 5  # 3.75 s of waiting in all: time enough for a predecessor to let go of its data
LAST_WORDS = 5


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service is. `command` is whole, launcher included; `is_ready` may block for a second or two."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop_signal: Signals = SIGTERM
    grace_seconds: float = 3.0
    inherited: tuple[int, ...] = ()  # file descriptors that it finds open under the same numbers


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What every runner shares."""

    report: Callable[[str], None]
    pid_changed: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    # File descriptors that children hold as long as they live: the data directory's lock.
    keep_open: tuple[int, ...] = ()


class Runner:
    """Runs one service: `run` in a task of its own, `stop` or `kill` from outside."""

    def __init__(self, service: Service, log: Log, surroundings: Surroundings) -> None:
        self.service = service
        self.log = log
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._surroundings = surroundings
        self._backoff = Backoff(surroundings.clock)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Keep the service running until it is told to stop, or cannot be started."""
        try:
            while not self._stopping.is_set():
                await self.run_once()
        finally:
            self._signal(SIGKILL)  # only a bug elsewhere gets here with the process alive
            self._finished.set()

    async def run_once(self) -> None:
        """Start it, see it ready, wait until it dies, then wait before the next start."""
        code = await self._live()
        if self._stopping.is_set():
            return
        delay = self._backoff.died()
        if not self.started.done() and self._backoff.deaths >= TRIES_BEFORE_GIVING_UP:
            self._give_up(f"ended with {_words(code)} each time it was started")
            return
        self._surroundings.report(
            f"{self.service.name} ended unexpectedly ({_words(code)}); starting it again in {delay:g} s."
            f" Its log: {self.log.path}"
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()

    async def stop(self, allowance_seconds: float) -> None:
        """Ask it to stop; end it by force when it takes longer than allowed. Returns once it is gone."""
        self._stopping.set()
        self._signal(self.service.stop_signal)
        try:
            async with asyncio.timeout(allowance_seconds):
                await self._finished.wait()
        except TimeoutError:
            self._surroundings.report(f"{self.service.name} did not stop in time and was killed.")
            self._signal(SIGKILL)
            await self._finished.wait()

    def kill(self) -> None:
        """End it now, for good."""
        self._stopping.set()
        self._signal(SIGKILL)

    async def _live(self) -> int:
        """Give the exit status of one life of the service."""
        process = await self._spawn()
        self._process = process
        if self._stopping.is_set():  # asked to stop while it was being started
            self._signal(self.service.stop_signal)
        try:
            async with asyncio.TaskGroup() as tasks:
                gate = tasks.create_task(self._see_ready())
                code = await process.wait()
                gate.cancel()
        finally:
            if process.returncode is not None:
                self._process = None
        return code

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._backoff.started()
        with self.log.open() as log:
            return await asyncio.create_subprocess_exec(
                *self.service.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.service.environment),
                pass_fds=(*self._surroundings.keep_open, *self.service.inherited),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops services in order
            )

    async def _see_ready(self) -> None:
        """Wait until it is ready and say so; kill it when its first start takes too long.

        After a restart it may take as long as it needs: what it waits for may be away itself.
        """
        try:
            async with asyncio.timeout(None if self.started.done() else READY_DEADLINE_SECONDS):
                while not await asyncio.to_thread(self.service.is_ready):  # noqa: ASYNC110 - it cannot call us
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError:
            self._give_up(f"was not ready within {READY_DEADLINE_SECONDS:g} s")
            self._signal(SIGKILL)
            return
        if not self.started.done():
            self.started.set_result(None)
        elif not self._stopping.is_set():
            self._surroundings.report(f"{self.service.name} is back.")
            self._surroundings.pid_changed()

    def _give_up(self, why: str) -> None:
        self._stopping.set()
        if self.started.done():  # whoever waited has left
            return
        last = "".join(f"\n    {line}" for line in self.log.last_lines(LAST_WORDS))
        error = ServerStartError(f"{self.service.name} {why}. The end of {self.log.path}:{last}")
        self.started.set_exception(error)

    def _signal(self, number: Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def _words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else Signals(-code).name
