"""All stand-ins for the outside world, started together inside a running loop, for tests and for the local stack.

    async with StandIns() as outside:
        await session.get(f"{outside.mailbox_url}/api/messages", params={"to": "budi@surel.example"})

Everything they hold is in memory and lost when they stop.
"""

import asyncio
import random
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from registration.clock import Clock, SystemClock
from simulators.mailbox import Mailbox
from simulators.ministry.app import Ministry
from simulators.ministry.students import Students
from simulators.ministry.wire import STUDENT_PATH
from simulators.sites import BACKLOG, Site
from simulators.sms import SmsGateway

LOOPBACK = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen; 0 is any free port."""

    ministry: int = 0
    student: int = 0
    mailbox: int = 0
    smtp: int = 0
    sms: int = 0


class StandIns:
    """An async context manager; the URLs are set once it is entered.

    Raises OSError on entering when a port is taken; then nothing is left listening. `seed` decides faults and service
    times, so that a run can be repeated.
    """

    ministry_url: str
    student_url: str
    mailbox_url: str
    smtp_url: str
    sms_url: str

    def __init__(
        self, *, host: str = LOOPBACK, ports: Ports | None = None, clock: Clock | None = None, seed: int | None = None
    ) -> None:
        self._host = host
        self._ports = ports or Ports()
        self._clock = clock or SystemClock()
        # Chance for tests, never for secrets.
        self._randomness = random.Random(seed)  # noqa: S311
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        ministry = Ministry(clock=self._clock, randomness=self._randomness)
        students = Ministry(clock=self._clock, randomness=self._randomness, path=STUDENT_PATH, knowledge=Students)
        mailbox = Mailbox(clock=self._clock)
        sms = SmsGateway(clock=self._clock)
        self.ministry_url = await self._serve(ministry.application(), port=self._ports.ministry, stack=stack)
        self.student_url = await self._serve(students.application(), port=self._ports.student, stack=stack)
        self.mailbox_url = await self._serve(mailbox.application(), port=self._ports.mailbox, stack=stack)
        self.sms_url = await self._serve(sms.application(), port=self._ports.sms, stack=stack)
        self.smtp_url = await self._serve_smtp(mailbox, stack)

    async def _serve(self, application: web.Application, *, port: int, stack: AsyncExitStack) -> str:
        site = Site(application, host=self._host, port=port)
        url = await site.start()
        stack.push_async_callback(site.stop)
        return url

    async def _serve_smtp(self, mailbox: Mailbox, stack: AsyncExitStack) -> str:
        # aiosmtpd's own controller would bring a thread and a second loop.
        loop = asyncio.get_running_loop()
        server = await loop.create_server(mailbox.smtp_session, self._host, self._ports.smtp, backlog=BACKLOG)
        stack.push_async_callback(server.wait_closed)
        # Run in the opposite order: close, hang up, and only then wait.
        stack.callback(mailbox.hang_up)
        stack.callback(server.close)
        return f"smtp://{self._host}:{server.sockets[0].getsockname()[1]}"
