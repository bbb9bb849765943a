"""The generator's connections to a server on real sockets. gevent runs in a thread of its own and patches nothing."""

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gevent
import gevent.socket
import pytest

from loadtest.arrivals import http
from loadtest.arrivals.http import Answer, Connections, Request

SELECT_LIMIT = 1_024  # FD_SETSIZE: select() takes no descriptor from here on
CLOSE = b"Connection: close\r\n"
LAST = Request("GET", "/", headers={"Connection": "close"})
DEADLINE_SECONDS = 20.0


class Server:
    """Answers `per_connection` requests on each connection, or until it is asked to close, and closes it.

    It says so only when it was asked. `closed` is set when the first one is closed.
    """

    def __init__(self, *, per_connection: int) -> None:
        self._per_connection = per_connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no connection any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.settimeout(DEADLINE_SECONDS)
                with connection:
                    self._answer(connection)
                self.closed.set()

    def _answer(self, connection: socket.socket) -> None:
        for _ in range(self._per_connection):
            asked = connection.recv(65_536)
            if not asked:
                break
            closing = CLOSE if CLOSE in asked else b""
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + closing + b"Content-Length: 2\r\n\r\nok")
            if closing:
                break


@pytest.fixture
def many_files() -> Iterator[None]:
    """Every descriptor that is opened from now on is beyond what select() takes."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4 * SELECT_LIMIT), before[1]))
    held = [os.open(os.devnull, os.O_RDONLY)]
    while held[-1] < SELECT_LIMIT:
        held.append(os.dup(held[0]))
    yield
    for one in held:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def in_its_own_loop(work: Callable[[], list[Answer]]) -> list[Answer]:
    """Run it in a thread, whose gevent loop ends with it."""

    def run() -> list[Answer]:
        try:
            return work()
        finally:
            gevent.get_hub().destroy(destroy_loop=True)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.mark.usefixtures("many_files")
def test_a_kept_connection_is_used_beyond_a_thousand_open_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sockets the generator has open, it can tell that an idle one is still good."""
    monkeypatch.setattr(http, "_IDLE_UNCHECKED_SECONDS", -1.0)
    server = Server(per_connection=2)

    def work() -> list[Answer]:
        connections = Connections(server.url, timeout_seconds=DEADLINE_SECONDS)
        return [connections.send(request) for request in (Request("GET", "/"), LAST)]

    with contextlib.closing(server):
        answers = in_its_own_loop(work)
    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 1


@pytest.mark.usefixtures("many_files")
def test_a_kept_connection_that_was_closed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent on it: nobody's request is lost with it."""
    monkeypatch.setattr(http, "_IDLE_UNCHECKED_SECONDS", -1.0)
    server = Server(per_connection=1)

    def work() -> list[Answer]:
        connections = Connections(server.url, timeout_seconds=DEADLINE_SECONDS)
        first = connections.send(Request("GET", "/"))
        assert server.closed.wait(DEADLINE_SECONDS)
        return [first, connections.send(LAST)]

    with contextlib.closing(server):
        answers = in_its_own_loop(work)
    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 2


def test_a_name_is_looked_up_once_for_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gevent's look-up takes a thread; a generator without time to spare would stand in line for it."""
    looked_up: list[tuple[Any, ...]] = []
    look_up = gevent.socket.getaddrinfo

    def counted(*where: Any, **how: Any) -> Any:  # noqa: ANN401 - as getaddrinfo
        looked_up.append(where)
        return look_up(*where, **how)

    monkeypatch.setattr(gevent.socket, "getaddrinfo", counted)
    server = Server(per_connection=1)

    def work() -> list[Answer]:
        connections = Connections(server.url, timeout_seconds=DEADLINE_SECONDS)
        return [connections.send(LAST) for _ in range(5)]

    with contextlib.closing(server):
        answers = in_its_own_loop(work)
    assert len(answers) == server.connections == 5
    assert len(looked_up) == 1
