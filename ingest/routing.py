"""Which address leads to which handler.

An address is a fixed path, or a prefix, one captured segment and a fixed rest: `/r/{handle}/phone`. Paths are compared
as they were sent: a percent-encoded one leads nowhere, since nothing of ours needs encoding.
"""

from collections.abc import Awaitable, Callable, Iterator

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from ingest.prepared import Prepared

REGISTRATIONS = "/api/v1/registrations"

Answer = web.Response | Prepared
Handler = Callable[["Request"], Awaitable[Answer]]


class Request(web.BaseRequest):
    """A request on its way to a handler; `captured` is the segment that its route captures.

    `awaited_seconds` is how long its body was waited for: that is the client's time, and does not count as ours.
    """

    captured: str = ""
    awaited_seconds: float = 0.0

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open behind the answer.

        Not when the process is about to end, nor when the client hoped to go on in another protocol (RFC 9110, 7.8).
        """
        message = self._message
        return not (message.should_close or message.upgrade or getattr(self._protocol, "is_ending", False))

    def write_with(self, writer: AbstractStreamWriter) -> None:
        """Have aiohttp's own response written by this; a `Prepared` needs none."""
        self._payload_writer = writer


class Route(msgspec.Struct, frozen=True):
    """A handler and the name under which its requests are counted."""

    name: str
    handler: Handler


class NoRouteError(Exception):
    """Nothing is at this address; or, when `allowed` names any, nothing for this method."""

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.allowed = allowed


class Router:
    """Filled at start, then only read."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._captured: dict[str, dict[str, dict[str, Route]]] = {}

    def add(self, method: str, address: str, handler: Handler) -> None:
        """Lead `method address` to a handler; GET also answers HEAD."""
        prefix, brace, rest = address.partition("{")
        suffix = rest.partition("}")[2]
        routes = self._captured.setdefault(prefix, {}).setdefault(suffix, {}) if brace else self._fixed_at(address)
        for known in ("GET", "HEAD") if method == "GET" else (method,):
            routes[known] = Route(f"{known} {address}", handler)

    def names(self) -> Iterator[str]:
        """Every route's name, `GET /r/{handle}`."""
        below = (routes for suffixes in self._captured.values() for routes in suffixes.values())
        return (route.name for routes in (*self._fixed.values(), *below) for route in routes.values())

    def resolve(self, method: str, path: str) -> tuple[Route, str]:
        """The route and the captured segment; raises `NoRouteError`."""
        routes = self._fixed.get(path)
        captured = ""
        if routes is None:
            routes, captured = self._resolve_captured(path)
        route = routes.get(method)
        if route is None:
            raise NoRouteError(tuple(routes))
        return route, captured

    def _resolve_captured(self, path: str) -> tuple[dict[str, Route], str]:
        for prefix, suffixes in self._captured.items():
            if path.startswith(prefix):
                captured, slash, rest = path[len(prefix) :].partition("/")
                routes = suffixes.get(slash + rest)
                if captured and routes is not None:
                    return routes, captured
        raise NoRouteError

    def _fixed_at(self, path: str) -> dict[str, Route]:
        return self._fixed.setdefault(path, {})
