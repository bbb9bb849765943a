"""The socket on which connections arrive: our own, or one that whoever started us holds.

A socket of our own shares its port by SO_REUSEPORT, and connections that wait in its queue die with it. One that was
inherited is shared by every process of the front door and stays open in the parent: what waits in its queue when a
process ends, or is killed, is taken in by the next one (ADR 0014).
"""

import contextlib
import socket
from collections.abc import Iterator

from registration.settings import Settings


class Listener:
    """A listening socket. Raises OSError when the port is taken or the inherited descriptor is no socket."""

    def __init__(self, settings: Settings) -> None:
        self.is_inherited = settings.listen_fd >= 0
        if self.is_inherited:
            self.socket = socket.socket(fileno=settings.listen_fd)
        else:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            self.socket = socket.create_server(
                (settings.host, settings.port), family=family, backlog=settings.listen_backlog, reuse_port=True
            )
        self.socket.settimeout(0)

    def take_waiting(self) -> Iterator[socket.socket]:
        """The connections in the queue, when they would be lost with it; to be called just before it is closed."""
        with contextlib.suppress(BlockingIOError):
            while not self.is_inherited:
                yield self.socket.accept()[0]
