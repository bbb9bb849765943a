"""A full disk is a clean refusal: nothing acknowledged and absent, and it recovers without a person (I14)."""

import asyncio
import json
import os
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.stack import API, Stack, eventually, gelombang, running, someone, typed

SIZE_MIB = 300
LEFT_BYTES = 256 * 1024
CLIENTS = 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for the servers and little more."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:  # noqa: S603 - fixed words and our path
        pytest.skip("mounting is not permitted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)  # noqa: S603, S607 - as above


def fill(directory: Path) -> Path:
    """Leave next to nothing free."""
    ballast = directory / "ballast"
    free = os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - LEFT_BYTES)
    return ballast


async def post_until_refused(stack: Stack) -> tuple[list[str], Counter[int]]:
    """Post from many clients until the disk is full; returns the acked handles and all statuses."""
    acked: list[str] = []
    statuses: Counter[int] = Counter()

    async def client(session: aiohttp.ClientSession) -> None:
        while statuses[503] < CLIENTS:
            headers = {"Idempotency-Key": secrets.token_hex(16)}
            try:
                async with session.post(API, json=typed(someone()), headers=headers) as answer:
                    statuses[answer.status] += 1
                    if answer.status == 202:
                        acked.append((await answer.json())["handle"])
            except aiohttp.ClientError:
                statuses[0] += 1

    async with aiohttp.ClientSession(stack.endpoints["front_door"]) as session, asyncio.timeout(120):
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    return acked, statuses


def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    """503 while it is full; with room again newcomers are let in; every acked registration is there."""
    with running(small_disk / "data", "--no-simulators") as stack:
        assert stack.register(someone()).status == 202
        ballast = fill(small_disk)
        acked, statuses = asyncio.run(post_until_refused(stack))
        assert statuses[503] > 0
        assert set(statuses) <= {0, 202, 503}
        ballast.unlink()
        eventually(lambda: stack.register(someone()).status == 202)
        assert all(stack.call("GET", f"{API}/{handle}").status == 200 for handle in acked)
        books = json.loads(gelombang("ledger", stack.directory, "--json").stdout)
        assert books["balances"]
        assert books["accepted"] >= len(acked)
