"""One listening aiohttp application, tuned for stand-ins: lean, deep backlog, quick to stop.

Stopping cuts calls short; whoever was waiting sees a lost connection, as with an outside system at its worst.
"""

from aiohttp import web

# A burst must wait in the kernel and not be refused there: aiohttp's own default is 128.
BACKLOG = 4096
# aiohttp waits this long for calls to end, and again after cancelling them.
SHUTDOWN_SECONDS = 0.1


class Site:
    """An application on a port of its own."""

    def __init__(self, application: web.Application, *, host: str, port: int) -> None:
        self._host = host
        self._port = port
        # Cancellation ends a hanging call when its caller leaves, so abandoned calls cannot pile up.
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )

    async def start(self) -> str:
        """Listen, on a free port if the port is 0; returns the URL. Raises OSError when the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, backlog=BACKLOG).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return f"http://{self._host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening, give calls a moment, then cut them."""
        await self._runner.cleanup()
