"""The sampled log of requests: how often a line is written, and what it stands for."""

from collections.abc import Mapping, Sequence
from typing import Any

from structlog.testing import capture_logs

from ingest.request_log import FAILURE_PAUSE_SECONDS, RequestLog


def lines(statuses: list[int], *, every: int, times: list[float] | None = None) -> Sequence[Mapping[str, Any]]:
    """What is written for answers of these statuses, each at its time."""
    now = [0.0]
    log = RequestLog(every, clock=lambda: now[0])
    with capture_logs() as written:
        for status, moment in zip(statuses, times or [0.0] * len(statuses), strict=True):
            now[0] = moment
            log.note("GET /", status, 0.25)
    return written


def test_one_in_so_many_is_written() -> None:
    """With the pattern of its route, its status, its time, and for how many it stands."""
    written = lines([200] * 10, every=4)
    assert [line["count"] for line in written] == [4, 4]
    assert {"event": "request", "log_level": "info", "route": "GET /", "status": 200, "seconds": 0.25, "count": 4} in (
        written
    )


def test_nothing_but_failures_is_written_when_it_is_off() -> None:
    """0 is off; a failure is written all the same."""
    written = lines([200] * 10 + [500] + [404] * 10, every=0)
    assert [(line["event"], line["status"]) for line in written] == [("request failed", 500)]


def test_a_storm_of_failures_is_a_line_now_and_then_that_counts_them_all() -> None:
    """Refusing a crowd must stay cheap, and the numbers must still add up."""
    later = 2 * FAILURE_PAUSE_SECONDS
    written = lines([503] * 1_000 + [503], every=0, times=[0.0] * 1_000 + [later])
    assert [line["count"] for line in written] == [1, 1_000]
