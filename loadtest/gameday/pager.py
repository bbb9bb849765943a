"""On-call's pager: takes what Alertmanager sends, and asks Prometheus what is firing.

Notifications are kept in the order in which they came. If the process dies they are gone, and the run with them.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import msgspec

WATCHDOG = "Watchdog"


class Told(msgspec.Struct, frozen=True):
    """An alert that on-call was told of. `kind` is empty where an alert has none."""

    alert: str
    severity: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.alert}{f' ({self.kind})' if self.kind else ''}"


class Pager:
    """Everything that was sent, with the time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sent: list[tuple[float, Told]] = []
        self._lock = threading.Lock()

    def take(self, notification: Mapping[str, Any]) -> None:
        """Note the alerts of one notification that are firing."""
        now = time.monotonic()
        alerts = [alert for alert in notification["alerts"] if alert["status"] == "firing"]
        found = [told(alert["labels"]) for alert in alerts if not is_budget_ticket(alert["labels"])]
        with self._lock:
            self._sent += [(now, one) for one in found]

    def since(self, moment: float) -> Sequence[tuple[float, Told]]:
        """What was sent since then, oldest first."""
        with self._lock:
            return [(at, one) for at, one in self._sent if at >= moment]


def is_budget_ticket(labels: Mapping[str, str]) -> bool:
    """Whether it says that a promise's budget of days is being used up, which is true long after a fault."""
    return "window" in labels and labels.get("severity") == "ticket"


def told(labels: Mapping[str, str]) -> Told:
    """An alert by its labels."""
    return Told(labels["alertname"], labels.get("severity", ""), labels.get("kind", ""))


@contextmanager
def pager() -> Iterator[Pager]:
    """A pager that listens on a free port of loopback for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        """Takes Alertmanager's webhooks."""

        def do_POST(self) -> None:
            """Note one notification."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            made.take(json.loads(body))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Pager(f"http://127.0.0.1:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()


async def firing(session: aiohttp.ClientSession, prometheus: str) -> frozenset[Told]:
    """What fires now, held back or not; without the dead man's switch and tickets on budgets."""
    async with session.get(f"{prometheus}/api/v1/alerts") as answer:
        found = (await answer.json())["data"]["alerts"]
    return frozenset(
        told(alert["labels"])
        for alert in found
        if alert["state"] == "firing"
        and alert["labels"]["alertname"] != WATCHDOG
        and not is_budget_ticket(alert["labels"])
    )
