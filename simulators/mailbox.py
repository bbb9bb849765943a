"""Stand-in for the mail system: takes mail by SMTP and shows it instead of delivering it.

Addresses at bounce.example are refused for good (550), those at greylist.example for their first two tries (451).
Received mail is in memory only and is lost with the process, although its sender has heard 250: so no real relay.
"""

import asyncio
import email
import email.policy
from collections import OrderedDict
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from registration.clock import Clock
from simulators.reading import ReadingRoom
from simulators.received import Content, Received

BOUNCING_DOMAIN = "bounce.example"
GREYLISTING_DOMAIN = "greylist.example"
GREYLISTED_TRIES = 2
REMEMBERED_GREYLISTED = 10_000
MAIL_LIMIT_BYTES = 1024 * 1024


class Mailbox:
    """Every address's box: `application` to read it by HTTP, `smtp_session` to fill it by SMTP."""

    def __init__(self, *, clock: Clock) -> None:
        self._received = Received(clock=clock, same_address=str.casefold, read=read_mail)
        self._reading_room = ReadingRoom(self._received, title="Mailbox")
        self._intake = _Intake(self._received)
        self._sessions: set[_SmtpSession] = set()

    def application(self) -> web.Application:
        """An application ready to be served, once."""
        application = web.Application()
        application.add_routes(self._reading_room.routes())
        return application

    def smtp_session(self) -> SMTP:
        """One connection's protocol: the factory for `loop.create_server`."""
        return _SmtpSession(self._intake, self._sessions)

    def hang_up(self) -> None:
        """Close every SMTP connection, whatever it is doing: `Server.close` only stops new ones."""
        for session in tuple(self._sessions):
            if isinstance(session.transport, asyncio.Transport):
                session.transport.abort()


class _SmtpSession(SMTP):
    """aiosmtpd's protocol, listed in `sessions` while it is connected."""

    def __init__(self, intake: "_Intake", sessions: set["_SmtpSession"]) -> None:
        # A given host name saves a look-up in DNS for every connection.
        super().__init__(
            intake,
            hostname="mailbox.example",
            data_size_limit=MAIL_LIMIT_BYTES,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        super().connection_lost(error)


class _Intake:
    """aiosmtpd's handler: it finds these methods by their names."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._greylisted_tries: OrderedDict[str, int] = OrderedDict()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd gives the name and the arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse or take one recipient."""
        domain = address.rpartition("@")[2].casefold()
        if domain == BOUNCING_DOMAIN:
            return "550 5.1.1 No such mailbox"
        if domain == GREYLISTING_DOMAIN and self._is_early(address.casefold()):
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd gives the name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail for each of its recipients."""
        content = envelope.content
        # aiosmtpd gives text only to sessions that ask to decode; these do not.
        raw = content if isinstance(content, bytes) else b""
        for address in envelope.rcpt_tos:
            self._received.add(to=address, raw=raw)
        return "250 2.0.0 Kept"

    def _is_early(self, address: str) -> bool:
        tries = self._greylisted_tries.pop(address, 0) + 1
        self._greylisted_tries[address] = tries
        if len(self._greylisted_tries) > REMEMBERED_GREYLISTED:
            self._greylisted_tries.popitem(last=False)
        return tries <= GREYLISTED_TRIES


def read_mail(raw: bytes) -> Content:
    """The subject and the text/plain part, both decoded, with plain line ends; the text is empty if there is none."""
    # The newer policy parses every header by its grammar and takes four times as long.
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    return Content(subject=_decoded_subject(mail), text=_plain_text(mail))


def _decoded_subject(mail: Message) -> str:
    subject = mail.get("Subject", "")
    try:
        return str(make_header(decode_header(subject)))
    except (LookupError, ValueError, HeaderParseError):  # an unknown charset, or not as the charset says
        return str(subject)


def _plain_text(mail: Message) -> str:
    part = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    text = _decoded(content if isinstance(content, bytes) else b"", charset=part.get_content_charset("utf-8"))
    return text.replace("\r\n", "\n")


def _decoded(content: bytes, *, charset: str) -> str:
    try:
        return content.decode(charset, errors="replace")
    except LookupError:
        return content.decode(errors="replace")
