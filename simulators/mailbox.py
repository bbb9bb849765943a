"""Stand-in for the mail system: takes mail by SMTP and shows it instead of delivering it.

Addresses at bounce.example are refused for good (550), those at greylist.example for their first two tries (451).
Received mail is in memory only and is lost with the process, although its sender has heard 250: so no real relay.
"""

import asyncio
import email
import email.policy
from collections import OrderedDict
from email.message import EmailMessage

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from registration.clock import Clock
from simulators.reading import ReadingRoom
from simulators.received import Received

BOUNCING_DOMAIN = "bounce.example"
GREYLISTING_DOMAIN = "greylist.example"
GREYLISTED_TRIES = 2
REMEMBERED_GREYLISTED = 10_000
MAIL_LIMIT_BYTES = 1024 * 1024


class Mailbox:
    """Every address's box: `application` to read it by HTTP, `smtp_session` to fill it by SMTP."""

    def __init__(self, *, clock: Clock) -> None:
        self._received = Received(clock=clock, same_address=str.casefold)
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
        mail = email.message_from_bytes(content if isinstance(content, bytes) else b"", policy=email.policy.default)
        subject, text = str(mail["Subject"] or ""), plain_text(mail)
        for address in envelope.rcpt_tos:
            self._received.add(to=address, subject=subject, text=text)
        return "250 2.0.0 Kept"

    def _is_early(self, address: str) -> bool:
        tries = self._greylisted_tries.pop(address, 0) + 1
        self._greylisted_tries[address] = tries
        if len(self._greylisted_tries) > REMEMBERED_GREYLISTED:
            self._greylisted_tries.popitem(last=False)
        return tries <= GREYLISTED_TRIES


def plain_text(mail: EmailMessage) -> str:
    """The text/plain part, decoded, with plain line ends; empty when the mail has none or names an unknown charset."""
    part = mail.get_body(preferencelist=("plain",))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except LookupError:
        return ""
    return text.replace("\r\n", "\n")
