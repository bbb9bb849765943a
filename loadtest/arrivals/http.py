"""HTTP for many greenlets: connections that are kept and shared by all arrivals of a process, as a proxy would.

Leaner than Locust's FastHttpUser, whose session per user and bookkeeping cost more than the request itself. Answers
are parsed by geventhttpclient's parser (llhttp). Every request has one deadline. A kept connection that the server has
closed in the meantime is noticed before anything is sent on it, so no request is ever sent twice here.

A name is looked up once for many connections. gevent looks up even a number in a thread, which gets the interpreter's
lock only now and then from a busy generator: 260 connections a second instead of 14,000. Those who stood in line for
theirs looked like people whom the system had kept waiting.
"""

import time
from collections import deque
from collections.abc import Mapping
from select import POLLIN
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent
import gevent.socket
import gevent.ssl
from gevent.monkey import get_original
from geventhttpclient.response import HTTPParseError, HTTPResponse

_READ_BYTES = 65_536
_IDLE_UNCHECKED_SECONDS = 1.0
_ADDRESS_KEPT_SECONDS = 30.0
_poll = get_original("select", "poll")  # the system's own: it does not wait here, and takes sockets beyond number 1,023


class NoAnswerError(Exception):
    """No whole answer came; whether the request had an effect is not known. The text is a closed word."""


class Answer(NamedTuple):
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Request(NamedTuple):
    """What is sent: the body whole, or in so many pieces with a pause before each, as a bad line delivers it.

    With `broken_after` the line breaks when so many bytes of the body are out.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    timeout_seconds: float | None = None
    pieces: int = 1
    pause_seconds: float = 0.0
    broken_after: int | None = None

    @property
    def own_seconds(self) -> float:
        """How long the sending takes by intention, whatever the server does."""
        return len(self.cuts) * self.pause_seconds if self.pieces > 1 else 0.0

    @property
    def cuts(self) -> range:
        """Where the pieces of the body begin."""
        return range(0, len(self.body), max(1, -(-len(self.body) // self.pieces)))


class Connections:
    """Kept connections to one server. `address` is its base URL."""

    def __init__(self, address: str, *, timeout_seconds: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{address!r} is no http:// or https:// address")
        self._secure = gevent.ssl.create_default_context() if parts.scheme == "https" else None
        self._name = parts.hostname
        self._target = (parts.hostname, parts.port or (443 if self._secure else 80))
        self._timeout_seconds = timeout_seconds
        self._head_end = f"\r\nHost: {parts.netloc}\r\n".encode()
        self._addresses: list[tuple[int, Any]] = []
        self._looked_up_at = 0.0
        self._idle: deque[tuple[float, gevent.socket.socket]] = deque()

    def send(self, request: Request) -> Answer:
        """One request and its answer; raises `NoAnswerError`."""
        connection: gevent.socket.socket | None = None
        kept = False
        try:
            with gevent.Timeout(request.timeout_seconds or self._timeout_seconds):
                connection = self._connect()
                self._write(connection, request)
                answer, kept = _read(connection, request.method)
        except gevent.Timeout:
            raise NoAnswerError("timeout") from None
        except HTTPParseError as error:
            raise NoAnswerError("no HTTP") from error
        except ConnectionRefusedError as error:
            raise NoAnswerError("connection refused") from error
        except OSError as error:
            raise NoAnswerError("connection lost") from error
        finally:
            if connection is not None:
                if kept:
                    self._idle.append((gevent.get_hub().loop.now(), connection))
                else:
                    connection.close()
        return answer

    def _write(self, connection: gevent.socket.socket, request: Request) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        body = request.body
        first = f"{request.method} {request.path} HTTP/1.1".encode() + self._head_end + lines.encode()
        head = b"%bContent-Length: %d\r\n\r\n" % (first, len(body))
        if request.broken_after is not None:
            connection.sendall(head + body[: request.broken_after])
            raise NoAnswerError("line broken")
        if request.pieces == 1:
            connection.sendall(head + body)
            return
        connection.sendall(head)
        began = time.monotonic()
        for number, begin in enumerate(request.cuts, 1):  # each at its time, so that late ones do not add up
            gevent.sleep(max(0.0, began + number * request.pause_seconds - time.monotonic()))
            connection.sendall(body[begin : begin + request.cuts.step])

    def _connect(self) -> gevent.socket.socket:
        now = gevent.get_hub().loop.now()
        while self._idle:
            since, connection = self._idle.pop()  # the latest, so that those of a burst grow old and are let go
            if now - since < _IDLE_UNCHECKED_SECONDS or not _has_something_to_say(connection):
                return connection
            connection.close()  # although nobody asked: closed by the server
        connection = self._connect_anew()
        connection.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if self._secure is not None:
            return self._secure.wrap_socket(connection, server_hostname=self._name)
        return connection

    def _connect_anew(self) -> gevent.socket.socket:
        """To the first of the server's addresses that takes it; raises OSError."""
        refused: OSError | None = None
        for family, address in self._known_addresses():
            connection = gevent.socket.socket(family, gevent.socket.SOCK_STREAM)
            try:
                connection.connect(address)
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                refused = error
            else:
                return connection
        raise refused or OSError(f"{self._name} has no address")

    def _known_addresses(self) -> list[tuple[int, Any]]:
        now = gevent.get_hub().loop.now()
        if not self._addresses or now - self._looked_up_at > _ADDRESS_KEPT_SECONDS:
            self._looked_up_at = now  # while this one looks, the others use what is known
            found = gevent.socket.getaddrinfo(*self._target, type=gevent.socket.SOCK_STREAM)
            self._addresses = [(family, address) for family, _, _, _, address in found]
        return self._addresses


def _has_something_to_say(connection: gevent.socket.socket) -> bool:
    poll = _poll()
    poll.register(connection.fileno(), POLLIN)
    return bool(poll.poll(0))


def _read(connection: gevent.socket.socket, method: str) -> tuple[Answer, bool]:
    """The answer, and whether the connection may be kept."""
    response = HTTPResponse(method=method)
    while not response.message_complete:
        received = connection.recv(_READ_BYTES)
        response.feed(received)  # an empty one tells the parser that it is over
        if not received and not response.message_complete:
            raise ConnectionResetError
    headers = {name.lower(): value for name, value in response.items()}
    return Answer(response.status_code, headers, bytes(response._body_buffer)), not response.should_close()  # noqa: SLF001 - it has no reader without a socket
