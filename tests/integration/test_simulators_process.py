"""All stand-ins as one process, and what is left of them when they stop."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest

from simulators.stand_ins import Ports, StandIns

VERIFY = "/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN"
HANGING_NIK = "3174010302909504"


@asynccontextmanager
async def simulators(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def urls(process: asyncio.subprocess.Process) -> dict[str, str]:
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in Ports.__struct_fields__]
    return dict(line.split() for line in lines)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_everything_even_calls_that_hang(stop: signal.Signals) -> None:
    """The process ends by itself, with status 0 and nothing to complain of, and cuts off who still waits."""
    async with simulators() as process, aiohttp.ClientSession() as session:
        outside = await urls(process)
        smtp = urlsplit(outside["smtp"])
        reader, writer = await asyncio.open_connection(smtp.hostname, smtp.port)
        assert (await reader.readline()).startswith(b"220 ")
        hanging = asyncio.create_task(
            session.post(outside["ministry"] + VERIFY, json={"NIK": HANGING_NIK}).__aenter__()
        )
        while True:
            async with session.get(outside["ministry"] + "/calls") as response:
                if (await response.json())["concurrency"]:
                    break
        process.send_signal(stop)
        _, complaints = await asyncio.wait_for(process.communicate(), timeout=20)
        assert (process.returncode, complaints) == (0, b"")
        with pytest.raises(aiohttp.ClientError):
            await hanging
        writer.close()


async def test_every_stand_in_says_that_it_lives() -> None:
    """A launcher knows when it can go on."""
    async with StandIns() as outside, aiohttp.ClientSession() as session:
        for url in (outside.ministry_url, outside.student_url, outside.mailbox_url, outside.sms_url):
            async with session.get(f"{url}/livez") as response:
                assert response.status == 200


async def test_a_given_port_is_used_and_free_again_afterwards() -> None:
    """Whoever names a port finds the stand-in there, and can start it there again."""
    async with StandIns() as outside:
        port = urlsplit(outside.sms_url).port
        assert port is not None
    for _ in range(2):
        async with StandIns(ports=Ports(sms=port)) as outside:
            assert outside.sms_url == f"http://127.0.0.1:{port}"


async def test_a_taken_port_starts_nothing() -> None:
    """The error is the system's, and no other stand-in is left listening."""
    async with StandIns() as outside:
        taken, ministry = urlsplit(outside.smtp_url).port, urlsplit(outside.ministry_url).port
        assert taken is not None
        assert ministry is not None
    async with StandIns(ports=Ports(smtp=taken)):
        with pytest.raises(OSError, match="in use"):
            await StandIns(ports=Ports(ministry=ministry, smtp=taken)).__aenter__()
        async with StandIns(ports=Ports(ministry=ministry)):
            pass


async def test_the_command_says_which_port_is_taken() -> None:
    """One line on stderr and status 1 in place of a traceback."""
    async with StandIns() as outside, simulators("--sms-port", str(urlsplit(outside.sms_url).port)) as process:
        _, complaint = await asyncio.wait_for(process.communicate(), timeout=20)
    assert process.returncode == 1
    assert complaint.startswith(b"simulators: ")
    assert complaint.count(b"\n") == 1
