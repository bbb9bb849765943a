"""The admin port of every process: alive, ready, metrics, and what a process hands in. Never a public one.

*Alive* says that the event loop turns; *ready* that this process takes work. A stopping process is alive but not ready.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from monitoring.metrics import Metrics


class Readiness:
    """Whether this process takes work, and if not, why."""

    def __init__(self, metrics: Metrics, role: str) -> None:
        self._gauge = metrics.ready.labels(role)
        self.reason = "starting"

    def set_ready(self) -> None:
        """This process takes work."""
        self.reason = ""
        self._gauge.set(1)

    def set_unready(self, reason: str) -> None:
        """This process takes no new work."""
        self.reason = reason
        self._gauge.set(0)


@asynccontextmanager
async def admin_server(
    *,
    host: str,
    port: int,
    metrics: Metrics,
    readiness: Readiness,
    more: Iterable[web.AbstractRouteDef] = (),
) -> AsyncIterator[web.AppRunner]:
    """Serve the admin port while the body runs, with `more` routes; raises OSError when the port is taken."""
    app = _app(metrics, readiness)
    app.router.add_routes(more)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner
    finally:
        await runner.cleanup()


def _app(metrics: Metrics, readiness: Readiness) -> web.Application:
    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_request: web.Request) -> web.Response:
        if readiness.reason:
            return web.Response(text=f"{readiness.reason}\n", status=503)
        return web.Response(text="ready\n")

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app
