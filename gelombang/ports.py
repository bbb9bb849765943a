"""Ports of the local stack, held from before the services start until after they stop.

A private port is held by a socket that is bound and never listens. Such a socket gets no connections (Linux adds a
socket to the group that shares a port when it listens), nobody is given its port by chance, and a service that sets the
same option may bind beside it, again after each restart.

The front door's port is held by the listening socket itself, which its processes inherit: connections that arrive while
one of them is away wait for the others, or for its next life.
"""

import contextlib
import socket
from dataclasses import dataclass, field
from typing import Self

from gelombang.errors import PortTakenError

BACKLOG = 4096  # more than the kernel's own limit on most machines


@dataclass
class Ports:
    """Every port that was reserved; a context manager that lets go of them."""

    host: str
    _sockets: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sockets.close()

    def private(self) -> int:
        """Reserve a free port for one process, which sets SO_REUSEADDR as asyncio's servers do."""
        return port_of(self._hold(0, socket.SO_REUSEADDR))

    def shared(self, wanted: int) -> int:
        """Reserve a port that several processes share by SO_REUSEPORT; 0 is any free one.

        Raises PortTakenError. The first look is without SO_REUSEPORT: with it, another stack of the same user would
        not be noticed, and the two would share the connections.
        """
        with _bind(self.host, wanted, socket.SO_REUSEADDR) as look:
            free = port_of(look)
        return port_of(self._hold(free, socket.SO_REUSEPORT))

    def listening(self, wanted: int) -> socket.socket:
        """Listen on a port, 0 is any free one; for processes that inherit the socket. Raises PortTakenError.

        Connections wait in it from now on, and as long as no process takes them in.
        """
        listener = self._sockets.enter_context(_bind(self.host, wanted, socket.SO_REUSEADDR))
        listener.listen(BACKLOG)
        return listener

    def _hold(self, port: int, option: int) -> socket.socket:
        return self._sockets.enter_context(_bind(self.host, port, option))


def is_free(host: str, port: int) -> bool:
    """Say whether a front door could have this port now."""
    try:
        with Ports(host) as ports:
            ports.shared(port)
    except PortTakenError:
        return False
    return True


def _bind(host: str, port: int, option: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(
            f"Port {port} on {host} cannot be used ({error.strerror})."
            " Stop what uses it, or choose --port 0 for any free one."
        ) from error
    return bound


def port_of(bound: socket.socket) -> int:
    """The port that a socket is bound to."""
    port: int = bound.getsockname()[1]
    return port
