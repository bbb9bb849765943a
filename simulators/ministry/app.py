"""A ministry's HTTP side: one call about a person, and an operator's entrance to set its mood and read its account.

A call meets, in this order: the account (it counts), `down`, maintenance, a refusal for too many requests, the wait for
a server, credentials, quota, a fault by chance, and at last the registry. Everything is in memory and lost with the
process.
"""

import math
import random
import time
from collections.abc import Callable
from datetime import date
from typing import Protocol

import msgspec
from aiohttp import web

from registration.clock import Clock, Today
from simulators.ministry.calls import Calls, SlidingSecond
from simulators.ministry.control import Control, Credentials, Population, decode_control, patched
from simulators.ministry.failures import Failure, Mood, fail
from simulators.ministry.registry import Answer, Registry
from simulators.ministry.servers import Servers
from simulators.ministry.wire import VERIFY_PATH, Query, decode_query
from simulators.reading import livez

BODY_LIMIT_BYTES = 64 * 1024
ABANDONED = "abandoned"
DOWN = "down"


class Knowledge(Protocol):
    """What a registry knows of people."""

    def answer(self, query: Query, population: Population | None) -> Answer | Failure:
        """What it says of one."""


class Ministry:
    """The stand-in's state and its HTTP routes. `path` is that of its call, `knowledge` makes what it knows anew."""

    def __init__(
        self,
        *,
        clock: Clock,
        randomness: random.Random,
        path: str = VERIFY_PATH,
        knowledge: Callable[[], Knowledge] = Registry,
    ) -> None:
        self._path = path
        self._knowledge = knowledge
        self._today = Today(clock)
        self._randomness = randomness
        self._calls = Calls()
        self._servers = Servers(control=Control(), randomness=randomness)
        self._registry = knowledge()
        self._take_over(Control())

    def application(self) -> web.Application:
        """An application ready to be served, once."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.add_routes(
            [
                web.post(self._path, self._ask),
                web.get("/control", self._show_control),
                web.put("/control", self._set_control),
                web.patch("/control", self._patch_control),
                web.delete("/control", self._reset_control),
                web.get("/calls", self._show_calls),
                web.delete("/calls", self._reset_calls),
                web.get("/livez", livez),
            ]
        )
        return application

    async def _ask(self, request: web.Request) -> web.Response:
        try:
            query = decode_query(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._calls.begin(query.nik)
        kind = ABANDONED  # until it is known better: a call that is cancelled got nothing
        try:
            outcome = await self._outcome(query)
            if isinstance(outcome, Answer):
                kind = outcome.kind
                return web.Response(body=outcome.body, content_type="application/json")
            if outcome is None:
                kind = DOWN
                return web.Response(status=503)
            response = await fail(outcome, request, retry_after_seconds=self._retry_after_seconds(outcome))
            kind = outcome.value
            return response
        finally:
            self._calls.end(kind)

    async def _outcome(self, query: Query) -> Answer | Failure | None:
        """What becomes of a call; None when the ministry is down. Waits as long as the ministry takes."""
        control = self._control
        if control.down:
            return None
        refused = self._refused_at_the_door(control)
        if refused is not None:
            return refused
        fault = self._mood.pick(self._randomness.random())
        if fault is Failure.HTTP_429:
            return fault
        await self._servers.serve()
        if control.credentials is not None:
            fault = _refused(query, control.credentials) or fault
        if fault is None and control.daily_quota is not None:
            used = self._quota.use(self._today())
            fault = Failure.QUOTA if used > control.daily_quota else None
        return fault or self._registry.answer(query, control.population)

    def _refused_at_the_door(self, control: Control) -> Failure | None:
        """What is said before any work is done for the call."""
        if control.maintenance is not None and control.maintenance.left(time.monotonic() - self._set_at):
            return Failure.MAINTENANCE
        if control.rate_limit_per_second is not None:
            now = self._calls.millisecond()
            if self._admitted.inside(now) >= control.rate_limit_per_second:
                return Failure.HTTP_429
            self._admitted.count(now)
        return None

    def _retry_after_seconds(self, failure: Failure) -> int:
        maintenance = self._control.maintenance
        if failure is Failure.MAINTENANCE and maintenance is not None:
            return max(1, math.ceil(maintenance.left(time.monotonic() - self._set_at)))
        return self._control.retry_after_seconds

    async def _show_control(self, _request: web.Request) -> web.Response:
        return _json(self._control)

    async def _set_control(self, request: web.Request) -> web.Response:
        return await self._change(request, decode_control)

    async def _patch_control(self, request: web.Request) -> web.Response:
        return await self._change(request, lambda patch: patched(self._control, patch))

    async def _change(self, request: web.Request, read: Callable[[bytes], Control]) -> web.Response:
        try:
            control = read(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._take_over(control)
        return _json(control)

    async def _reset_control(self, _request: web.Request) -> web.Response:
        self._registry = self._knowledge()
        self._take_over(Control())
        return _json(self._control)

    def _take_over(self, control: Control) -> None:
        self._control = control
        self._set_at = time.monotonic()
        self._mood = Mood(control.faults.set_shares())
        self._admitted = SlidingSecond()
        self._quota = _Quota()
        self._servers.adjust(control)

    async def _show_calls(self, request: web.Request) -> web.Response:
        if request.query.get("by_nik") == "no":
            return _json(self._calls.summary())
        return _json(self._calls.report(request.query.get("nik")))

    async def _reset_calls(self, _request: web.Request) -> web.Response:
        self._calls.reset()
        return web.Response(status=204)


class _Quota:
    """How many calls were answered on one day."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._used = 0

    def use(self, day: date) -> int:
        """Count one more; returns how many that makes on `day`."""
        if day != self._day:
            self._day, self._used = day, 0
        self._used += 1
        return self._used


def _refused(query: Query, credentials: Credentials) -> Failure | None:
    if (query.user_id, query.password) != (credentials.user_id, credentials.password):
        return Failure.LOGIN
    if credentials.ip_user is not None and query.ip_user != credentials.ip_user:
        return Failure.IP
    return None


def _json(value: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
