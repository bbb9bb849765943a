"""Sends one request as a patient client does: again and again, until there is an answer that means something.

Guarantee: what was asked is asked again with the same key and body after no connection, no answer in time, and 408,
409, 429, 503 and other server errors, with the delay that the server asks for and jitter on top. Only the caller's
cancellation ends that, and a delay too long to sit out, which is handed on as the answer.
"""

import asyncio
import random
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import aiohttp
import msgspec

from loadtest.record import UnexpectedError

GIVE_UP_SECONDS = 10.0
LONGEST_DELAY_SECONDS = 30.0
_MOST_CONNECTIONS = 4096
_OTHER_FILES = 100
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 3.0
_COME_BACK = frozenset({408, 409, 429})
_SERVER_ERROR = 500
_NOT_A_BUG = frozenset({502, 503, 504})


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; raises `UnexpectedError` when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnexpectedError(f"{self.status} without a JSON object") from None


class Account(Protocol):
    """Where it is taken down what went wrong before there was an answer."""

    flaws: list[str]

    def retried(self, trouble: str) -> None:
        """A request went wrong and is sent again."""


class NoAccount:
    """For those of whom nothing is taken down but the answers."""

    def __init__(self) -> None:
        self.flaws: list[str] = []

    def retried(self, trouble: str) -> None:
        """Nobody wants to know."""


class Caller:
    """One session for everybody. `answers` counts what came back, by what was asked."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        randomness: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._randomness = randomness
        self._sleep = sleep
        self.answers: Counter[tuple[str, str]] = Counter()

    async def call(
        self,
        record: Account,
        what: str,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The first answer that is no plea for patience; `what` names the request in the account, `record` is whose."""
        failures = 0
        while True:
            try:
                answer = await self._once(what, method, url, body=body, headers=headers)
            except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError too
                outcome, delay = type(error).__name__, None
            else:
                delay = _asked_delay(answer)
                if not _asks_for_patience(answer) or (delay or 0.0) > LONGEST_DELAY_SECONDS:
                    return answer
                outcome = str(answer.status)
                if answer.status not in _COME_BACK | _NOT_A_BUG:
                    record.flaws.append(f"{what}: {answer.status}")
            failures += 1
            record.retried(f"{what}: {outcome}")
            await self._sleep(self._pause_seconds(failures, delay))

    async def _once(
        self, what: str, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str] | None
    ) -> Answer:
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = Answer(response.status, await response.read(), response.headers)
        except (aiohttp.ClientError, OSError) as error:
            self.answers[what, type(error).__name__] += 1
            raise
        self.answers[what, str(answer.status)] += 1
        return answer

    def _pause_seconds(self, failures: int, asked: float | None) -> float:
        own = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
        if asked is None:
            return self._randomness.uniform(own / 2, own)
        return asked + self._randomness.uniform(0, own)  # never earlier than asked for


def open_session() -> aiohttp.ClientSession:
    """The session for a `Caller`: a connection for everybody, so that a crowd queues at the front door, not here."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_connection_limit()),
        timeout=aiohttp.ClientTimeout(total=GIVE_UP_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Language": "en"},
    )


def _connection_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(_MOST_CONNECTIONS, soft - _OTHER_FILES)


def _asks_for_patience(answer: Answer) -> bool:
    return answer.status in _COME_BACK or answer.status >= _SERVER_ERROR


def _asked_delay(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
