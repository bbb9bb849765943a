"""`python -m simulators.fault_proxy --port PORT --link NAME:PORT:UPSTREAM …`: until SIGTERM or SIGINT.

UPSTREAM is `host:port` or `unix:/path`. Port 0 is any free one; what is listened on is printed.
"""

import argparse
import asyncio
import signal
import sys

import uvloop

from simulators.fault_proxy.app import FaultProxy
from simulators.fault_proxy.link import Route
from simulators.stand_ins import LOOPBACK


def main() -> None:
    """Read the command line and run; exits with status 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulators.fault_proxy", description="Harms connections on demand")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=0, help="of the control")
    parser.add_argument("--link", action="append", default=[], type=Route.parse, help="name:port:upstream")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    try:
        uvloop.run(
            _run(FaultProxy(options.link, host=options.host, port=options.port, seed=options.seed), options.link)
        )
    except OSError as error:
        sys.exit(f"fault proxy: {error}")


async def _run(proxy: FaultProxy, routes: list[Route]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with proxy:
        sys.stdout.write(f"control {proxy.control_url}\n")
        for route in routes:
            sys.stdout.write(f"{route.name} {proxy.address(route.name)}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    main()
