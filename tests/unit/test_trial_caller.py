import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import aiohttp
import pytest

from loadtest.applicants import draw
from loadtest.caller import LONGEST_DELAY_SECONDS, Answer, Caller
from loadtest.record import Record, Tally

HEADERS = {"Idempotency-Key": "the-same-key"}


class Response:
    """An answer as the session gives it."""

    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def read(self) -> bytes:
        """Give the body."""
        return b"{}"


class Session:
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[bytes | None, Mapping[str, str] | None]] = []

    @contextlib.asynccontextmanager
    async def request(self, _method: str, _url: str, **options: Any) -> AsyncIterator[Response]:  # noqa: ANN401 - aiohttp's
        """Give the next answer, or fail with it."""
        self.asked.append((options["data"], options["headers"]))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        yield answer


class Patience:
    """A caller over a session that answers from a list, and how long it slept."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.session = Session(*answers)
        self.slept: list[float] = []
        self.record = Record(next(draw(1, 1)), Tally(), due_at=0.0)
        session = cast("aiohttp.ClientSession", self.session)
        self.caller = Caller(session, random.Random(1), self._sleep)  # noqa: S311 - jitter

    async def call(self) -> Answer:
        """Ask once, as patiently as it takes."""
        return await self.caller.call(self.record, "POST it", "POST", "http://door/", body=b"body", headers=HEADERS)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.mark.parametrize(
    "trouble",
    [
        aiohttp.ServerDisconnectedError(),
        ConnectionResetError(),
        TimeoutError(),
        *map(Response, (408, 409, 429, 500, 502, 503)),
    ],
    ids=lambda trouble: str(trouble.status) if isinstance(trouble, Response) else type(trouble).__name__,
)
async def test_trouble_is_tried_again_with_the_same_key_and_body(trouble: Response | Exception) -> None:
    """The system may fail for a while; what was asked stays the same."""
    patience = Patience(trouble, trouble, Response(202))
    assert (await patience.call()).status == 202
    assert patience.session.asked == [(b"body", HEADERS)] * 3
    assert patience.record.tally.retries == 2
    assert all(seconds > 0 for seconds in patience.slept)


async def test_the_server_says_how_long_to_wait() -> None:
    """Never earlier than asked for, and not all at the same moment."""
    patience = Patience(Response(503, Retry_After="7"), Response(202))
    await patience.call()
    assert len(patience.slept) == 1
    assert 7 < patience.slept[0] < 8


async def test_a_delay_too_long_to_sit_out_is_the_answer() -> None:
    """Nobody waits an hour for the next text message."""
    patience = Patience(Response(429, Retry_After=str(int(LONGEST_DELAY_SECONDS) + 1)))
    assert (await patience.call()).status == 429
    assert patience.slept == []


@pytest.mark.parametrize(("status", "flaws"), [(500, ["POST it: 500"]), (503, [])])
async def test_only_a_bug_is_a_flaw(status: int, flaws: list[str]) -> None:
    """A busy server may say so; one that fell over may not."""
    patience = Patience(Response(status), Response(202))
    await patience.call()
    assert patience.record.flaws == flaws


async def test_every_answer_is_counted() -> None:
    """The account shows what the front door said how often."""
    patience = Patience(Response(503), TimeoutError(), Response(202))
    await patience.call()
    assert patience.caller.answers == {("POST it", "503"): 1, ("POST it", "TimeoutError"): 1, ("POST it", "202"): 1}
