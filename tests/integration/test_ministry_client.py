"""The registry's client over real sockets: the parser's contract again, the stand-in, and servers that misbehave."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from registration.applicant import Applicant
from registration.checks import Kind
from registration.errors import Retryable
from registration.settings import Settings, read
from simulators.stand_ins import StandIns
from tests.replies import NIK, REPLIES, THRESHOLD, page
from verify_workers.ministry.answers import Missing
from verify_workers.ministry.client import MinistryClient
from verify_workers.ministry.connection import TooLateError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REJECTION = page({"RESPONSE_CODE": "14"})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[MinistryClient]:
    made = MinistryClient(_settings(url).registries[Kind.NIK])
    try:
        yield made
    finally:
        await made.close()


def _settings(url: str) -> Settings:
    values = {"DATABASE_URL": "unused", "REDIS_URL": "unused", "KEYS": "unused", "MINISTRY_URL": url}
    limits = {"MINISTRY_TIMEOUT_SECONDS": "0.5", "MINISTRY_THRESHOLD": str(THRESHOLD)}
    return read({f"GELOMBANG_{name}": value for name, value in {**values, **limits}.items()})


def person(serial: str = NIK[12:]) -> Applicant:
    return Applicant(
        name="Siti Nurhaliza",
        birth_place="Jakarta",
        birth_date=date(1990, 2, 3),
        nik=NIK[:12] + serial,
        email="siti@surel.example",
        phone="+6281234567890",
    )


async def meaning(made: MinistryClient, serial: str = NIK[12:]) -> str:
    """What came of asking, in the words of the table."""
    try:
        answer = await made.ask(person(serial), in_time=lambda: True)
    except Retryable as error:
        return error.cause
    if isinstance(answer, Missing):
        return "not found"
    return str(answer.state) if answer.reason is None else f"{answer.state}: {answer.reason}"


async def test_every_reply_means_the_same_over_http_as_to_the_parser() -> None:
    """One table, asked over one client; a redirect is not followed."""
    replies = iter(REPLIES)
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers["Accept-Encoding"]))
        reply = next(replies)
        return web.Response(
            body=reply.body, status=reply.status, content_type="application/json", headers={"Location": "/elsewhere"}
        )

    application = web.Application()
    application.add_routes([web.route("*", "/{rest:.*}", answer)])
    async with TestServer(application) as server, client(str(server.make_url(""))) as made:
        found = {reply.name: await meaning(made) for reply in REPLIES}

    assert found == {reply.name: reply.meaning for reply in REPLIES}
    assert seen == [("POST", "identity")] * len(REPLIES)


async def test_a_request_that_is_late_is_not_sent_and_its_connection_serves_the_next() -> None:
    """The registry hears nothing of it."""
    async with StandIns() as outside, client(outside.ministry_url) as made:
        with pytest.raises(TooLateError):
            await made.ask(person(), in_time=lambda: False)
        async with aiohttp.ClientSession() as session, session.get(f"{outside.ministry_url}/calls") as response:
            assert (await response.json())["total"] == 0
        assert await meaning(made) == "verified"


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("0001", "verified"),
        ("9001", "rejected: name_mismatch"),
        ("9002", "rejected: birth_date_mismatch"),
        ("9003", "rejected: birth_place_mismatch"),
        ("9014", "rejected: inactive"),
        ("9200", "ministry_unreadable"),
        ("9404", "not found"),
        ("9405", "not found"),
        ("9429", "ministry_quota"),
        ("9500", "ministry_error"),
        ("9504", "ministry_timeout"),
    ],
)
async def test_the_stand_in_is_understood(serial: str, expected: str) -> None:
    """Each of its cases, as the contract lists them."""
    async with StandIns() as outside, client(outside.ministry_url) as made:
        assert await meaning(made, serial) == expected


def _sent(*parts: bytes) -> Serve:
    """A server that sends these parts and closes."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return serve


async def _hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _hang_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(REJECTION) + REJECTION[:-1])
    await reader.read()


async def _drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(REJECTION))
    for byte in REJECTION:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """100 MB, the beginning of which is a rejection."""
    writer.write(HEAD + b"Content-Length: 100000000\r\n\r\n" + REJECTION)
    for _ in range(1_525):
        writer.write(b" " * 65_536)
        await writer.drain()


async def _reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(REJECTION) + REJECTION[:-2])


CUT = HEAD + b"Content-Length: %d\r\n\r\n" % len(REJECTION)
KEPT = CUT.replace(b"Connection: close\r\n", b"") + REJECTION
HOSTILE = {
    "never answers": (_hang, "ministry_timeout"),
    "stops in the body": (_hang_in_the_body, "ministry_timeout"),
    "one byte at a time": (_drip, "ministry_timeout"),
    "100 MB": (_flood, "ministry_unreadable"),
    "reset in the body": (_reset, "ministry_unreachable"),
    "closed at once": (_sent(), "ministry_unreachable"),
    "closed in the head": (_sent(HEAD), "ministry_unreachable"),
    "closed in the body": (_sent(CUT, REJECTION[:-2]), "ministry_unreachable"),
    "a chunk too short": (_sent(HEAD, b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + REJECTION), "ministry_unreachable"),
    "a chunk of nonsense": (
        _sent(HEAD, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + REJECTION),
        "ministry_unreachable",
    ),
    "an endless head": (_sent(HEAD, b"X: y\r\n" * 40_000), "ministry_unreachable"),
    "no HTTP": (_sent(b"\x16\x03\x01" + REJECTION), "ministry_unreachable"),
    "two lengths": (
        _sent(HEAD, b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(REJECTION) + REJECTION),
        "ministry_unreachable",
    ),
    "a length too short": (_sent(HEAD, b"Content-Length: 9\r\n\r\n" + REJECTION), "ministry_unreachable"),
    "compressed, it says": (
        _sent(HEAD, b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
        "ministry_unreadable",
    ),
    "sliced": (
        _sent(HEAD[:9], HEAD[9:], b"Content-Length: %d\r\n\r\n" % len(REJECTION), *(bytes([b]) for b in REJECTION)),
        "rejected: inactive",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_server_that_misbehaves_rejects_nobody(name: str) -> None:
    """Slices are put together; everything else ends in a cause, and the client goes on with the next question."""
    serve, expected = HOSTILE[name]
    handlers: list[asyncio.Task[None] | None] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        answer = serve if len(handlers) == 1 else _sent(CUT, REJECTION)
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        async with client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as made:
            assert await meaning(made) == expected
            assert await meaning(made) == "rejected: inactive"
        await asyncio.gather(*(handler for handler in handlers if handler is not None))


@pytest.mark.parametrize(
    ("behind", "connections"),
    [(b"", 1), (b"HTTP/1.1 200", 1), (KEPT, 2), (b"nonsense", 2)],
)
async def test_what_came_behind_a_reply_answers_no_other_question(behind: bytes, connections: int) -> None:
    """The connection is kept for the next one; a reply that nobody asked for, or nonsense, closes it."""
    handlers: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        answer = KEPT + (behind if len(handlers) == 1 else b"")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
                writer.write(answer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        async with client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as made:
            answers = [await meaning(made) for _ in range(4)]
        await asyncio.gather(*(handler for handler in handlers if handler is not None))
    assert len(handlers) == connections
    assert set(answers) <= {"rejected: inactive", "ministry_unreachable"}
    assert answers[-2:] == ["rejected: inactive"] * 2


async def test_the_question_carries_what_the_registry_asks_for() -> None:
    """And asks for nothing that it does not need."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(json.loads(await request.read()))
        return web.Response(body=REJECTION)

    application = web.Application()
    application.add_routes([web.post("/dukcapil/get_json/gelombang/CALL_VERIFY_BY_ELEMEN", answer)])
    async with TestServer(application) as server, client(str(server.make_url(""))) as made:
        await meaning(made)

    assert asked[0].keys() == {
        *("NIK", "NAMA_LGKP", "TMPT_LHR", "TGL_LHR", "USER_ID", "PASSWORD", "IP_USER", "TRESHOLD"),
    }
