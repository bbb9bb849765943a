"""Stopping (I13): front-door processes are replaced one after another under load, and nobody notices."""

import asyncio
import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.stack import API, Stack, eventually, gelombang, running, someone, typed

DOOR_ALONE = ("--no-simulators", "--workers", "0")
DRAIN_SECONDS = 8
EXIT_SECONDS = 10
ROUNDS = 2
EACH = 12  # clients that keep their connection, and as many that make a new one each time


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two front doors that stop as in production; their logs hold every request."""
    # Longer than a client of this test pauses between two requests, on the busiest machine.
    told = {"GELOMBANG_DRAIN_SECONDS": str(DRAIN_SECONDS), "GELOMBANG_DRAIN_IDLE_SECONDS": "3"}
    with running(tmp_path_factory.mktemp("rolling") / "data", *DOOR_ALONE, environment=told) as running_stack:
        yield running_stack


class Clients:
    """Everybody at work, and what came of each request: a status, or the name of what broke."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stop = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        self.acked: list[str] = []

    def start(self) -> list["asyncio.Task[None]"]:
        """Those who keep a connection, those who do not, and those who look where they stand now and then."""
        kept = [self._client(force_close=False, ask=self._post) for _ in range(EACH)]
        new = [self._client(force_close=True, ask=self._post) for _ in range(EACH)]
        lookers = [self._client(force_close=False, ask=self._look) for _ in range(EACH)]
        return [asyncio.create_task(client) for client in (*kept, *new, *lookers)]

    def stop(self) -> None:
        """Let each finish its request."""
        self._stop.set()

    async def _client(self, *, force_close: bool, ask: Callable[[aiohttp.ClientSession], Awaitable[str]]) -> None:
        connector = aiohttp.TCPConnector(force_close=force_close)
        async with aiohttp.ClientSession(self._stack.endpoints["front_door"], connector=connector) as session:
            while not self._stop.is_set():
                try:
                    self.outcomes[await ask(session)] += 1
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    self.outcomes[f"{type(error).__name__} {error}"] += 1

    async def _post(self, session: aiohttp.ClientSession) -> str:
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        async with session.post(API, json=typed(someone()), headers=headers) as answer:
            body = await answer.json()
            if answer.status == 202:
                self.acked.append(body["handle"])
            return f"POST {answer.status}"

    async def _look(self, session: aiohttp.ClientSession) -> str:
        await asyncio.sleep(0.2)
        if not self.acked:
            return "nobody yet"
        # Not by GET, which aiohttp's client sends again by itself when the connection broke.
        async with session.post(f"{API}/{self.acked[-1]}/phone-code") as answer:
            await answer.read()
            return f"LOOK {answer.status}"


def stops(stack: Stack) -> list[float]:
    """How long each stop of a front door took, by its own word."""
    logs = (stack.directory / "logs" / f"ingest-{slot}.log" for slot in (1, 2))
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["seconds"] for line in lines if line["event"] == "front door is closed"]


def accepted(stack: Stack) -> int:
    return int(json.loads(gelombang("ledger", stack.directory, "--json").stdout)["accepted"])


def test_a_rolling_stop_fails_no_request(stack: Stack) -> None:
    """I13: each process is stopped twice under load: 0 failed requests, ended in time, the ledger balances."""
    before = accepted(stack)

    async def scene() -> Clients:
        clients = Clients(stack)
        at_work = clients.start()
        for _ in range(ROUNDS):
            for name in ("ingest-1", "ingest-2"):
                served, pid = len(clients.acked), stack.endpoints["pids"][name]
                await asyncio.to_thread(eventually, lambda served=served: len(clients.acked) > served + 100)  # type: ignore[misc]
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(eventually, lambda name=name, pid=pid: stack.endpoints["pids"][name] != pid)  # type: ignore[misc]
                await asyncio.to_thread(stack.wait_until_healthy)
        clients.stop()
        await asyncio.gather(*at_work)
        return clients

    clients = asyncio.run(scene())
    assert set(clients.outcomes) <= {"POST 202", "LOOK 200", "nobody yet"}, clients.outcomes
    assert accepted(stack) == before + len(clients.acked)
    assert len(stops(stack)) == 2 * ROUNDS
    assert max(stops(stack)) <= EXIT_SECONDS
    assert json.loads(gelombang("ledger", stack.directory, "--json").stdout)["balances"]


def test_whoever_connects_while_no_process_is_there_waits_for_the_next(stack: Stack) -> None:
    """Both are killed outright; a registration sent before either is back gets its receipt from the next life."""
    before = dict(stack.endpoints["pids"])
    for name in ("ingest-1", "ingest-2"):
        stack.kill(name)
    assert stack.register(someone()).status == 202
    eventually(lambda: all(stack.endpoints["pids"][name] != before[name] for name in ("ingest-1", "ingest-2")))


def test_an_idle_connection_does_not_hold_a_stop_up_to_its_limit(tmp_path: Path) -> None:
    """Nothing comes on it, so it is closed when it has been idle for the time that is set, and the process ends."""
    told = {"GELOMBANG_DRAIN_SECONDS": "300", "GELOMBANG_DRAIN_IDLE_SECONDS": "0.2"}
    with running(tmp_path / "data", *DOOR_ALONE, processes=1, environment=told) as stack:

        async def scene() -> None:
            async with aiohttp.ClientSession(stack.endpoints["front_door"]) as session:
                async with session.get("/") as page:
                    await page.read()
                pid = stack.endpoints["pids"]["ingest-1"]
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(eventually, lambda: stack.endpoints["pids"]["ingest-1"] != pid)

        asyncio.run(scene())
