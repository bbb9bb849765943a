"""What counts as the time of a request: ours, and not that of a client who sends slowly."""

import time
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from ingest import requests
from ingest.answering import Answering
from ingest.pages import Pages
from ingest.request_log import RequestLog
from ingest.routing import Request, Router
from monitoring.metrics import Metrics

PATH = "/there"
DRIBBLED_SECONDS = 4.0
OURS_SECONDS = 0.5


class Clock:
    """`time.perf_counter`, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """As the real one."""
        return self.now


class Dribble:
    """A body that takes its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pieces = [b"{", b"}", b""]

    def is_eof(self) -> bool:
        """It has not come with the head."""
        return False

    def set_read_chunk_size(self, _size: int) -> None:
        """How much aiohttp would like at once."""

    async def readany(self) -> bytes:
        """A piece of it, or nothing at its end."""
        self._clock.now += DRIBBLED_SECONDS / 3
        return self._pieces.pop(0)


async def test_a_client_that_sends_slowly_does_not_count_and_a_server_that_is_slow_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a few who dribble would have on-call told that receipts come late, and who stalls would look quick."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)

    async def handler(request: Request) -> web.Response:
        assert await requests.json_body(request, timeout_seconds=60.0) == b"{}"
        clock.now += OURS_SECONDS
        return web.Response()

    router, metrics = Router(), Metrics()
    router.add("POST", PATH, handler)
    answering = Answering(
        router=router,
        pages=cast("Pages", None),
        metrics=metrics,
        request_log=RequestLog(0),
        retry_after_seconds=1.0,
    )
    await answering.answer(dribbled(PATH, Dribble(clock)))
    (spent,) = (
        sample.value
        for metric in metrics.requests.collect()
        for sample in metric.samples
        if sample.name == "gelombang_http_request_seconds_sum"
    )
    assert spent == pytest.approx(OURS_SECONDS)


def dribbled(path: str, body: Dribble) -> Request:
    """A request whose head is here."""
    made = make_mocked_request("POST", path, headers={"Content-Type": "application/json"})
    others = ("_message", "_protocol", "_payload_writer", "_task", "_loop")
    message, *rest = (getattr(made, name) for name in others)
    return Request(message, cast("Any", body), *rest)
