"""What the fault proxy does to connections, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from gelombang import embedded
from simulators.fault_proxy.app import FaultProxy
from simulators.fault_proxy.link import Route

HOST = "127.0.0.1"
PATIENCE_SECONDS = 20


class Echo:
    """A server that sends back what it gets, and remembers it and how it ended."""

    def __init__(self) -> None:
        self.received = b""
        self.reads = 0
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while data := await reader.read(65536):
                self.received += data
                self.reads += 1
                writer.write(data)
                await writer.drain()
            self.ended.set()
            writer.write(b"bye")
            writer.close()
        except ConnectionError:
            self.ended.set()
            writer.close()


class Client:
    """A connection through the proxy and a session on its control."""

    def __init__(self, proxy: FaultProxy, control: aiohttp.ClientSession) -> None:
        self._proxy = proxy
        self.control = control
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self) -> None:
        """Connect, in place of the connection before."""
        host, _, port = self._proxy.address("echo").rpartition(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))

    async def say(self, data: bytes) -> bytes:
        """Send, and give as much as was sent of what comes back."""
        self.writer.write(data)
        return await self.reader.readexactly(len(data))

    async def have(self, **faults: Any) -> None:  # noqa: ANN401 - any field of Faults
        """Set the link's faults."""
        async with self.control.put("/links/echo/faults", json=faults) as response:
            assert response.status == 200, await response.text()

    async def post(self, what: str) -> int:
        """Do something once; gives to how many connections."""
        async with self.control.post(f"/links/echo/{what}") as response:
            count: int = (await response.json())["connections"]
            return count

    async def report(self) -> dict[str, Any]:
        """What the link says of itself."""
        async with self.control.get("/links") as response:
            report: dict[str, Any] = (await response.json())["echo"]
            return report


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def client(echo: Echo) -> AsyncIterator[Client]:
    server = await asyncio.start_server(echo.serve, HOST, 0)
    upstream = f"{HOST}:{server.sockets[0].getsockname()[1]}"
    async with (
        FaultProxy([Route("echo", 0, upstream)], host=HOST, seed=1) as proxy,
        aiohttp.ClientSession(proxy.control_url) as control,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        made = Client(proxy, control)
        await made.connect()
        yield made
        made.writer.close()
    server.close()


async def test_without_faults_everything_passes(client: Client, echo: Echo) -> None:
    """Bytes in order both ways, and an end that is passed on while the answer still comes."""
    assert await client.say(b"abc" * 50_000) == b"abc" * 50_000
    client.writer.write_eof()
    assert await client.reader.read() == b"bye"
    assert echo.received == b"abc" * 50_000


async def test_what_is_on_the_way_to_an_end_that_was_told_of_no_more_is_lost(client: Client, echo: Echo) -> None:
    """And nothing else: the other direction goes on to its end."""
    await client.have(delay_seconds=0.1)
    client.writer.write(b"late")
    await client.post("half-close?towards=server")
    assert await client.reader.read() == b"bye"
    assert echo.received == b""


async def test_delay_holds_back_and_hands_on_in_order(client: Client, echo: Echo) -> None:
    """What is sent arrives late and whole; the wait is there in both directions."""
    await client.have(delay_seconds=0.05, jitter_seconds=0.01)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await client.say(b"late") == b"late"
    assert loop.time() - began >= 0.1
    assert echo.received == b"late"


async def test_slices_arrive_in_small_pieces(client: Client, echo: Echo) -> None:
    """A message comes in many segments; whoever reads once does not have it all."""
    await client.have(slice_bytes=1)
    assert await client.say(b"0123456789" * 5) == b"0123456789" * 5
    assert echo.reads > 5


async def test_a_rate_limit_stretches_what_passes(client: Client) -> None:
    """3,000 bytes at 20,000 a second take 0.15 s in each direction."""
    await client.have(bytes_per_second=20_000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.say(b"x" * 3_000)
    assert loop.time() - began >= 0.15


async def test_cut_resets_both_ends(client: Client, echo: Echo) -> None:
    """The client sees a reset, not an orderly end, and the server loses its client too."""
    await client.say(b"hello")
    assert await client.post("cut") == 1
    with pytest.raises(ConnectionResetError):
        await client.reader.readexactly(1)
    await echo.ended.wait()
    assert (await client.report())["cut"] == 1


async def test_half_close_towards_the_client(client: Client, echo: Echo) -> None:
    """The client reads an end, while what it sends still gets through."""
    await client.say(b"one")
    assert await client.post("half-close?towards=client") == 1
    assert await client.reader.read() == b""
    client.writer.write(b"two")
    client.writer.write_eof()
    await echo.ended.wait()
    assert echo.received == b"onetwo"


async def test_half_close_towards_the_server(client: Client, echo: Echo) -> None:
    """The server reads an end and answers; the answer still comes through."""
    await client.say(b"one")
    assert await client.post("half-close?towards=server") == 1
    await echo.ended.wait()
    assert await client.reader.readexactly(3) == b"bye"


async def test_a_blackhole_is_silent_and_lets_go_what_waited(client: Client, echo: Echo) -> None:
    """Nothing comes, nothing fails; old and new connections go on when it is over."""
    await client.have(blackhole=True)
    client.writer.write(b"into the dark")
    waiting = asyncio.create_task(client.reader.readexactly(13))
    other = Client(client._proxy, client.control)  # noqa: SLF001 - a second one of the same
    await other.connect()
    said = asyncio.create_task(other.say(b"me too"))
    while (await client.report())["accepted"] < 2:
        pass
    assert (echo.received, waiting.done(), said.done()) == (b"", False, False)
    async with client.control.delete("/links/echo/faults"):
        pass
    assert await waiting == b"into the dark"
    assert await said == b"me too"
    other.writer.close()


async def test_a_dropped_reply_is_lost_after_its_request_got_through(client: Client, echo: Echo) -> None:
    """The server has done the work, and the client's connection ends in place of the answer."""
    await client.have(drop_reply=1)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.say(b"do it")
    assert echo.received == b"do it"
    assert (await client.report())["lost_replies"] == 1


async def test_refused_connections_are_reset_and_old_ones_stay(client: Client) -> None:
    """Nobody new gets in."""
    await client.say(b"old")
    await client.have(refuse=True)
    other = Client(client._proxy, client.control)  # noqa: SLF001 - a second one of the same
    await other.connect()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError)):
        await other.say(b"new")
    assert await client.say(b"still") == b"still"
    other.writer.close()


async def test_a_server_that_is_away_resets_its_clients(tmp_path: Path) -> None:
    """The proxy does not make up a server where there is none."""
    async with FaultProxy([Route("gone", 0, f"unix:{tmp_path}/nobody")], host=HOST) as proxy:
        host, _, port = proxy.address("gone").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


@pytest.mark.parametrize("faults", [{"delay": 1}, {"drop_reply": 2}, {"slice_bytes": 0}, []])
async def test_wrong_faults_are_refused_and_change_nothing(client: Client, faults: object) -> None:
    """A mistyped fault must not pass as a quiet run."""
    await client.have(delay_seconds=0.001)
    async with client.control.put("/links/echo/faults", json=faults) as response:
        assert response.status == 400
    assert (await client.report())["faults"]["delay_seconds"] == 0.001
    async with client.control.post("/links/nobody/cut") as response:
        assert response.status == 404


async def test_valkey_counts_a_command_whose_reply_was_lost(servers: embedded.Servers) -> None:
    """The fault that makes a repeated write a second write, on the real server."""
    route = Route("valkey", 0, servers.redis_url)
    direct = Redis.from_url(servers.redis_url)
    await direct.delete("lost")
    async with FaultProxy([route], host=HOST) as proxy, aiohttp.ClientSession(proxy.control_url) as control:
        through = Redis.from_url(f"redis://{proxy.address('valkey')}", retry=Retry(NoBackoff(), 0))
        assert await through.incr("lost") == 1
        async with control.put("/links/valkey/faults", json={"drop_reply": 1}):
            pass
        with pytest.raises((RedisConnectionError, ConnectionResetError)):
            await through.incr("lost")
        assert await direct.get("lost") == b"2"
        await through.aclose()
    await direct.aclose()


async def test_postgresql_keeps_a_commit_whose_reply_was_lost(servers: embedded.Servers, database_url: str) -> None:
    """The client cannot know, and the row is there: what the outcome "unknown" means."""
    folder = database_url.partition("host=")[2]
    name = database_url.partition("?")[0].rpartition("/")[2]
    route = Route("postgresql", 0, f"unix:{folder}/.s.PGSQL.5432")
    direct = await asyncpg.connect(database_url)
    await direct.execute("create table lost (n int)")
    async with FaultProxy([route], host=HOST) as proxy, aiohttp.ClientSession(proxy.control_url) as control:
        host, _, port = proxy.address("postgresql").rpartition(":")
        through = await asyncpg.connect(host=host, port=int(port), user="gelombang", database=name)
        async with control.put("/links/postgresql/faults", json={"drop_reply": 1}):
            pass
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await through.execute("insert into lost values (1)")
        through.terminate()
    assert await direct.fetchval("select count(*) from lost") == 1
    await direct.close()
    assert servers.postgres.pid
