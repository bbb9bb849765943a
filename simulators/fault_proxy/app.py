"""Switches a proxy's faults while things run, by HTTP.

GET    /links                             every link with its faults and what passed
PUT    /links/{name}/faults  {…}          have these faults (see `Faults`), in place of the ones before
DELETE /links/{name}/faults               have none
POST   /links/{name}/cut                  reset every connection
POST   /links/{name}/half-close?towards=client|server
"""

import random
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

import msgspec
from aiohttp import web

from simulators.fault_proxy.faults import NONE, decode_faults
from simulators.fault_proxy.link import Link, Route
from simulators.reading import livez
from simulators.sites import Site

_BODY_LIMIT_BYTES = 64 * 1024
_SIDES: dict[str, Literal["client", "server"]] = {"client": "client", "server": "server"}


class FaultProxy:
    """An async context manager: every link open, and the address of the control in `control_url`.

    Raises OSError on entering when a port is taken. `seed` decides jitter and which replies are lost.
    """

    control_url: str

    def __init__(self, routes: Sequence[Route], *, host: str, port: int = 0, seed: int | None = None) -> None:
        randomness = random.Random(seed)  # noqa: S311 - chance for tests, never for secrets
        self._links = {route.name: Link(route, host=host, randomness=randomness) for route in routes}
        self._site = Site(self._application(), host=host, port=port)

    async def __aenter__(self) -> Self:
        try:
            for link in self._links.values():
                await link.open()
            self.control_url = await self._site.start()
        except OSError:
            await self._close_links()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._site.stop()
        await self._close_links()

    def address(self, name: str) -> str:
        """Where a link listens, as `host:port`."""
        return self._links[name].report().address

    async def _close_links(self) -> None:
        for link in self._links.values():
            await link.close()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_BODY_LIMIT_BYTES)
        application.add_routes(
            [
                web.get("/links", self._show),
                web.put("/links/{name}/faults", self._set_faults),
                web.delete("/links/{name}/faults", self._clear_faults),
                web.post("/links/{name}/cut", self._cut),
                web.post("/links/{name}/half-close", self._half_close),
                web.get("/livez", livez),
            ]
        )
        return application

    def _link(self, request: web.Request) -> Link:
        try:
            return self._links[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound(text=f"links: {', '.join(self._links)}\n") from None

    async def _show(self, _request: web.Request) -> web.Response:
        body = msgspec.json.encode({name: link.report() for name, link in self._links.items()})
        return web.Response(body=body, content_type="application/json")

    async def _set_faults(self, request: web.Request) -> web.Response:
        link = self._link(request)
        try:
            link.set_faults(decode_faults(await request.read()))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(body=msgspec.json.encode(link.report()), content_type="application/json")

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._link(request).set_faults(NONE)
        return web.Response(status=204)

    async def _cut(self, request: web.Request) -> web.Response:
        return web.json_response({"connections": self._link(request).cut()})

    async def _half_close(self, request: web.Request) -> web.Response:
        side = _SIDES.get(request.query.get("towards", ""))
        if side is None:
            return web.json_response({"error": "towards must be client or server"}, status=400)
        return web.json_response({"connections": self._link(request).half_close(side)})
