"""A front door that says 202 to everything and stores nothing: for tests of what measures front doors.

    python tests/hollow_door.py

Prints its port. SIGUSR1 makes it stall for two seconds, as a server does whose process is stuck.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

STALL_SECONDS = 2.0
BODY = b'{"handle":"hollow","status_url":"http://127.0.0.1/","received_at":"2026-11-24T00:00:00Z"}'
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@contextlib.contextmanager
def running() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Its address and process, while it runs."""
    line = [sys.executable, __file__]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this script
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process
        finally:
            process.kill()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: every request gets the same answer."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(n[15:]) for n in head.lower().split(b"\r\n") if n.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Listen on any free port until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, time.sleep, STALL_SECONDS)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its only word
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
