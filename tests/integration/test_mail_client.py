"""Mail over real sockets: connections are kept and replaced, refusals mean what they say, one recipient each."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from registration.applicant import Applicant
from registration.clock import SystemClock
from registration.errors import Permanent, Retryable
from registration.handles import Challenges
from registration.sealing import KeyRing
from registration.settings import Settings, read
from registration.store.work import Work
from simulators.people import make_person
from verify_workers.kinds.email import EmailChecker
from verify_workers.letters import verification_mail
from verify_workers.mail.client import MailClient
from verify_workers.mail.replies import MailboxRefusedError

SENDER = "daftar@gelombang.example"
HOSTILE = (
    "a@ok.example\r\nBcc: b@ok.example",
    "a@ok.example\nCc: b@ok.example",
    "a@ok.example>\r\nRCPT TO:<b@ok.example",
    "a@ok.example\r\n.\r\nMAIL FROM:<x@ok.example>",
    "a@ok.example\0",
    "a@ok.example,b@ok.example",
    "a@ok.example;b@ok.example",
    "a@ok.example b@ok.example",
    '"a"<b@ok.example>',
    "<a@ok.example>",
    "a@ok.example (b@ok.example)",
    "list: a@ok.example, b@ok.example;",
    "a@ok.example\u2028Bcc: b@ok.example",
    "a@ok.example\x85Bcc: b@ok.example",
    "a%b@ok.example@ok.example",
    "=?utf-8?q?a=0d=0aBcc:_b?=@ok.example ",
    "",
)


class Relay:
    """A relay that does as the recipient's address says: `CODE.STAGE@…`, `hang@…`, `bye@…`; anything else is taken."""

    def __init__(self) -> None:
        self.connections = 0
        self.recipients: list[str] = []
        self.taken: list[bytes] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        self.writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        self.writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay.example\r\n")
        to = ""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                to = line.decode().partition("<")[2].partition(">")[0]
                self.recipients.append(to)
            if to.startswith("hang") and verb == b"RCPT":
                await reader.read()
                return
            if to.startswith("bye") and verb == b"RCPT":
                return
            writer.write(self._answer(verb, to))
            if verb == b"DATA" and not _code(to, "start"):
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(_code(to, "data") or b"250 2.0.0 taken\r\n")

    def _answer(self, verb: bytes, to: str) -> bytes:
        if verb == b"RCPT":
            return _code(to, "rcpt") or b"250 ok\r\n"
        if verb == b"DATA":
            return _code(to, "start") or b"354 go\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"

    async def end(self) -> None:
        """Hang up on everybody."""
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self._handlers, return_exceptions=True)


def _code(to: str, stage: str) -> bytes:
    """`550-5.1.1.rcpt@…` is answered with `550 5.1.1 …` at RCPT."""
    match = re.match(rf"(?P<code>\d{{3}})(?:-(?P<status>\d\.\d\.\d+))?\.{stage}@", to)
    return f"{match['code']} {match['status'] or ''} so it is\r\n".encode() if match else b""


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    made = Relay()
    yield made
    await made.end()


@pytest.fixture
async def settings_here(relay: Relay) -> AsyncIterator[Settings]:
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    values = {
        **dict.fromkeys(("DATABASE_URL", "REDIS_URL", "KEYS"), "unused"),
        "SMTP_URL": f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "MAIL_TIMEOUT_SECONDS": "60",
        "MAIL_SENDER": SENDER,
    }
    async with server:
        yield read({f"GELOMBANG_{name}": value for name, value in values.items()})
        server.close()
        await relay.end()


@pytest.fixture
async def client(settings_here: Settings) -> AsyncIterator[MailClient]:
    made = MailClient(settings_here)
    yield made
    await made.close()


def letter(to: str) -> bytes:
    return verification_mail(
        to=to,
        sender=SENDER,
        url="https://daftar.example/email/x",
        public_host="daftar.example",
        sent_at=datetime(2020, 4, 11, tzinfo=UTC),
    )


async def send(client: MailClient, to: str) -> str:
    """What came of a mail: "sent", "mailbox refused", or the cause."""
    try:
        await client.send(letter(to), sender=SENDER, to=to)
    except MailboxRefusedError:
        return "mailbox refused"
    except (Permanent, Retryable) as error:
        return error.cause
    return "sent"


async def test_connections_are_kept_and_shared(client: MailClient, relay: Relay, settings_here: Settings) -> None:
    """A hundred mails at once to many domains need as many connections as there may be; later ones need none."""
    assert set(await asyncio.gather(*(send(client, f"a@d{n}.example") for n in range(80)))) == {"sent"}
    assert relay.connections <= settings_here.mail_connections
    before = relay.connections
    assert await send(client, "a@again.example") == "sent"
    assert relay.connections == before


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("550-5.1.1.rcpt@x.example", "mailbox refused"),
        ("550-5.7.1.rcpt@x.example", "mail_policy"),
        ("451-4.7.1.rcpt@x.example", "mail_deferred"),
        ("552-5.2.2.rcpt@x.example", "mail_mailbox_full"),
        ("554-5.6.0.data@x.example", "mail_content"),
        ("550-5.1.1.start@x.example", "mail_content"),
        ("421-4.3.2.rcpt@x.example", "mail_domain_deferred"),
        ("bye@x.example", "mail_unreachable"),
    ],
)
async def test_a_refusal_means_what_it_says_and_the_next_mail_goes(
    client: MailClient, relay: Relay, to: str, expected: str
) -> None:
    """Also over the same connection, on which nothing of the refused mail is left."""
    assert await send(client, to) == expected
    assert await send(client, "fine@y.example") == "sent"
    assert await send(client, "fine@y.example") == "sent"
    assert relay.recipients == [to, "fine@y.example", "fine@y.example"]


async def test_a_kept_connection_that_died_is_replaced_without_a_word(client: MailClient, relay: Relay) -> None:
    """Relays hang up on the idle: that is no failed try."""
    assert await send(client, "a@x.example") == "sent"
    for _ in range(5):
        await relay.end()
        assert await send(client, "a@x.example") == "sent"
    assert relay.connections == 6
    assert len(relay.taken) == 6


async def test_a_domain_that_hangs_holds_up_nobody(client: MailClient, relay: Relay, settings_here: Settings) -> None:
    """It has its own few connections; while it is given its time, mails to others go over the rest."""
    slow = [asyncio.create_task(send(client, f"hang{n}@slow.example")) for n in range(30)]
    while len(relay.recipients) < settings_here.mail_domain_connections:  # noqa: ASYNC110 - the relay has no event
        await asyncio.sleep(0.005)

    assert set(await asyncio.gather(*(send(client, f"a@d{n}.example") for n in range(20)))) == {"sent"}
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await send(client, "a@slow.example") == "sent"


async def test_greylisting_of_one_address_holds_up_no_other(client: MailClient) -> None:
    """Each new address at such a domain is deferred at first: that is no reason for the domain to rest."""
    assert {await send(client, f"451-4.7.1.rcpt@grey{n % 2}.example") for n in range(20)} == {"mail_deferred"}
    assert await send(client, "a@grey0.example") == "sent"


async def test_a_relay_that_never_answers_is_given_up(settings_here: Settings) -> None:
    """After the time that it has in all; three times, and the domain rests."""
    client = MailClient(msgspec.structs.replace(settings_here, mail_timeout_seconds=0.1, retry_base_seconds=60.0))

    assert [await send(client, "hang@x.example") for _ in range(4)] == [*["mail_timeout"] * 3, "mail_domain_rests"]
    await client.close()


@pytest.mark.parametrize("address", HOSTILE)
async def test_a_hostile_address_reaches_no_relay(
    settings_here: Settings, relay: Relay, ring: KeyRing, address: str
) -> None:
    """Header and command injection: the mail is not composed, or goes to exactly the address as it stands."""
    made = make_person(1, 1)
    person = Applicant(
        name=made.name,
        birth_place=made.birth_place,
        birth_date=made.birth_date,
        nik=made.nik,
        email=address,
        phone=made.phone,
    )
    work = Work(uuid4(), b"", b"", 0, 0, generation=1)
    checker = EmailChecker(settings_here, Challenges(ring), SystemClock())
    with pytest.raises(Permanent, match="mail_not_composable"):
        await checker.check(person, work)
    await checker.close()

    assert relay.recipients == []
    assert relay.taken == []
