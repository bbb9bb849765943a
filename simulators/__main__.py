"""`python -m simulators`: every stand-in in one process and one loop, until SIGTERM or SIGINT.

Stops within a second, cutting calls short. All that was received is in memory and lost.
"""

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from simulators.stand_ins import LOOPBACK, Ports, StandIns


def main() -> None:
    """Read the command line and run; exits with status 1 when a port is taken."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    options = _options()
    ports = Ports(**{name: getattr(options, f"{name}_port") for name in Ports.__struct_fields__})
    try:
        uvloop.run(_run(host=options.host, ports=ports))
    except OSError as error:
        sys.exit(f"simulators: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators", description="Ministry, mail and SMS for trying out")
    parser.add_argument("--host", default=LOOPBACK)
    for name in Ports.__struct_fields__:
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0, the default, is any free port")
    return parser.parse_args()


async def _run(*, host: str, ports: Ports) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with StandIns(host=host, ports=ports) as outside:
        for name in Ports.__struct_fields__:
            sys.stdout.write(f"{name} {getattr(outside, f'{name}_url')}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    main()
