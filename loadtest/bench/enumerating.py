"""Enumeration: whether the time of an answer tells that a NIK or an e-mail address is known.

Many people are registered first, and all their checks are called verified, so that they own their NIKs. Then strangers
come in rounds of three requests in random order: wholly unknown; with a known person's NIK and data; with a known
person's e-mail and phone. Everyone known is used once, since the limits count people. A few clients ask at once, each
one request at a time over one connection, and a time is taken from the write of a request to the arrival of its answer.

Nothing is kept: a run that is killed proves nothing.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from loadtest.bench import bodies, field, welch
from loadtest.bench.field import Ground
from loadtest.bench.generator import parse_answer
from loadtest.bench.report import ExitCode
from simulators.people import Person, make_person

UNKNOWN, NIK, EMAIL = KINDS = ("unknown", "nik", "email")
_CLIENTS = 4
_FILLING_CLIENTS = 64
_ACCEPTED = 202
_MICROSECONDS = 1e6
_KNOWN_FROM_NOW_ON = (
    "update registrations set (nik_state, email_state, phone_state) = ('verified', 'verified', 'verified')"
)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to strangers beside those to people of whom `known` was known, in µs; t is positive for slower."""

    known: str
    median_unknown_us: float
    median_known_us: float
    t: float
    t_without_slowest_tenth: float

    @property
    def tells(self) -> bool:
        """Whether the time tells it."""
        return max(abs(self.t), abs(self.t_without_slowest_tenth)) >= welch.BOUND


class Enumeration(msgspec.Struct, frozen=True, kw_only=True):
    """What a run comes to. `refused` counts answers other than 202, which would make it prove nothing."""

    pairs: int
    seed: int
    refused: int
    seconds: float
    comparisons: tuple[Comparison, ...]

    @property
    def exit_code(self) -> ExitCode:
        """As the command ends."""
        if self.refused:
            return ExitCode.NOT_VALID
        return ExitCode.TARGET_MISSED if any(one.tells for one in self.comparisons) else ExitCode.OK

    def to_json(self) -> bytes:
        """The result for programs."""
        content = msgspec.to_builtins(self) | {"bound": welch.BOUND, "exit_code": int(self.exit_code)}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def run(ground: Ground, *, pairs: int, seed: int, advance: Callable[[int], None]) -> Enumeration:
    """Ask `pairs` rounds of one front-door process; `advance` is told how many requests more are answered."""
    contender = field.front_door(ground, database="enumeration", processes=1)
    if contender.stock is None:
        raise ValueError("the front door stores")
    with contender.serve() as serving:
        uvloop.run(_fill(serving.url, pairs=pairs, seed=seed, advance=advance))
        contender.stock.run(_KNOWN_FROM_NOW_ON, "vacuum (analyze) registrations", "checkpoint")
        began = time.monotonic()
        times, refused = uvloop.run(_ask_all(serving.url, pairs=pairs, seed=seed, advance=advance))
        seconds = time.monotonic() - began
    return Enumeration(
        pairs=pairs,
        seed=seed,
        refused=refused,
        seconds=round(seconds, 3),
        comparisons=tuple(compare(known, times[UNKNOWN], times[known]) for known in (NIK, EMAIL)),
    )


def compare(known: str, strangers: Sequence[float], acquaintances: Sequence[float]) -> Comparison:
    """One comparison of two samples in seconds."""
    return Comparison(
        known=known,
        median_unknown_us=round(statistics.median(strangers) * _MICROSECONDS, 1),
        median_known_us=round(statistics.median(acquaintances) * _MICROSECONDS, 1),
        t=round(welch.t(acquaintances, strangers), 3),
        t_without_slowest_tenth=round(welch.t(*welch.cropped(acquaintances, strangers)), 3),
    )


def applicants(number: int, *, pairs: int, seed: int) -> dict[str, Person]:
    """The three of a round: nobody has met a stranger, and the known one is number `number` of those filled in."""
    known = make_person(seed, number)
    strangers = {kind: make_person(seed, pairs + len(KINDS) * number + place) for place, kind in enumerate(KINDS)}
    person_of_nik = {name: getattr(known, name) for name in ("nik", "name", "birth_place", "birth_date", "sex")}
    return {
        UNKNOWN: strangers[UNKNOWN],
        NIK: msgspec.structs.replace(strangers[NIK], **person_of_nik),
        EMAIL: msgspec.structs.replace(strangers[EMAIL], email=known.email, phone=known.phone),
    }


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._asked_at = 0.0
        self._answer: asyncio.Future[tuple[int, float]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._received += data
        status = parse_answer(self._received)
        if status is not None and self._answer is not None:
            self._received = b""
            self._answer.set_result((status, now - self._asked_at))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the front door closed the connection"))

    async def ask(self, request: bytes) -> tuple[int, float]:
        """The status and the seconds until the answer was here."""
        self._answer = asyncio.get_running_loop().create_future()
        self._asked_at = time.perf_counter()
        self.transport.write(request)
        return await self._answer


async def _clients(url: str, count: int) -> list[_Client]:
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(_Client, address.hostname or "", address.port or 80) for _ in range(count)]
    return [client for _, client in opened]


async def _fill(url: str, *, pairs: int, seed: int, advance: Callable[[int], None]) -> None:
    """Register everybody who will be known."""
    numbers = iter(range(pairs))

    async def work(client: _Client) -> None:
        for number in numbers:
            await client.ask(_request(url, f"known-{number:08d}", make_person(seed, number)))
            advance(1)

    await asyncio.gather(*(work(client) for client in await _clients(url, _FILLING_CLIENTS)))


async def _ask_all(
    url: str, *, pairs: int, seed: int, advance: Callable[[int], None]
) -> tuple[dict[str, list[float]], int]:
    """Seconds of each kind of request, and how many were not answered with 202."""
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    refused = 0

    async def work(client: _Client, numbers: Iterator[int]) -> None:
        nonlocal refused
        for number in numbers:
            people = applicants(number, pairs=pairs, seed=seed)
            asked = [(kind, _request(url, f"round-{number:08d}-{KINDS.index(kind)}", people[kind])) for kind in KINDS]
            random.shuffle(asked)
            for kind, request in asked:
                status, seconds = await client.ask(request)
                times[kind].append(seconds)
                refused += status != _ACCEPTED
            advance(len(KINDS))

    numbers = iter(range(pairs))
    await asyncio.gather(*(work(client, numbers) for client in await _clients(url, _CLIENTS)))
    return times, refused


def _request(url: str, key: str, person: Person) -> bytes:
    address = urlsplit(url)
    body = bodies.body(person)
    return (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
