"""What others would put in the workers' place: a fixed number of callers, with or without backoff, over the real wire.

They do nothing but call: no backlog, no database, so nothing but their policy holds them back. Nothing is kept.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import msgspec

from loadtest.adaptation.policies import FIXED_CALLS
from loadtest.applicants import honest
from registration.applicant import Applicant
from verify_workers.ministry.wire import Credentials, request_body

_TIMEOUT_SECONDS = 10.0
_PATH = "/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN"
_ANYBODY = Credentials(user="", password="", ip="127.0.0.1", threshold=90)
_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 60.0
_LEAST_SECONDS = 0.01  # no loop of failures that only burns this machine
_OK = 200


class Rival(msgspec.Struct, frozen=True):
    """So many callers; after the n-th failure in a row each waits for `wait(n)` seconds."""

    name: str
    wait: Callable[[int], float]
    callers: int = FIXED_CALLS


def at_once(_failures: int) -> float:
    """The next call, whatever became of the last."""
    return _LEAST_SECONDS


def growing(failures: int) -> float:
    """Twice as long each time, up to a minute, with jitter: what retry libraries do."""
    longest = min(_BACKOFF_SECONDS * 2.0 ** (failures - 1), _LONGEST_BACKOFF_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter


RIVALS = (Rival(f"fixed, {FIXED_CALLS} calls", at_once), Rival("backoff only", growing))


@contextlib.asynccontextmanager
async def calling(ministry: str, rival: Rival) -> AsyncIterator[None]:
    """Its callers call meanwhile."""
    bodies = _bodies()
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            headers={"Content-Type": "application/json"},
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        callers = [tasks.create_task(_call(session, ministry, rival, bodies)) for _ in range(rival.callers)]
        try:
            yield
        finally:
            for caller in callers:
                caller.cancel()


async def _call(session: aiohttp.ClientSession, ministry: str, rival: Rival, bodies: Iterator[bytes]) -> None:
    failures = 0
    for body in bodies:
        try:
            async with session.post(ministry + _PATH, data=body) as answer:
                await answer.read()
                failures = 0 if answer.status == _OK else failures + 1
        except (aiohttp.ClientError, TimeoutError):
            failures += 1
        if failures:
            await asyncio.sleep(rival.wait(failures))


def _bodies() -> Iterator[bytes]:
    """One person after another, who differ so that every call counts."""
    for number in itertools.count():
        truth = msgspec.to_builtins(honest(1, number).truth)
        person = msgspec.convert({key: truth[key] for key in Applicant.__struct_fields__}, Applicant)
        yield request_body(person, _ANYBODY)
