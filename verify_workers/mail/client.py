"""A mail relay spoken to over connections that are kept and shared.

Guarantee: `send` returns once the relay has taken the mail, for the one recipient it was given. A mail goes out twice
only when the connection broke after its text was sent: until then a kept connection that turns out to be dead is
replaced without a word. If the process dies, mails under way are sent again, with the same Message-ID.
"""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import aiosmtplib

from registration.errors import Permanent, Retryable
from registration.runtime import backoff_seconds
from registration.settings import Settings
from verify_workers.mail.pacing import Pacing
from verify_workers.mail.replies import MailboxRefusedError, Stage, refusal

_SCHEMES = frozenset({"smtp", "smtps", "smtp+starttls"})
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_IDLE_SECONDS = 30.0  # relays hang up on idle clients after a minute or more (RFC 5321 asks for five)
_MAILS_PER_CONNECTION = 100  # so that a relay behind a balancer gets its load spread anew


class _Connection:
    """A connection to the relay, since when it has been idle, and what went over it."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self._smtp = smtp
        self._begun = False
        self.mails = 0
        self.idle_since = time.monotonic()

    @property
    def usable(self) -> bool:
        """Whether it is worth another mail."""
        fresh = time.monotonic() - self.idle_since < _IDLE_SECONDS and self.mails < _MAILS_PER_CONNECTION
        return self._smtp.is_connected and fresh

    async def begin(self, sender: str) -> None:
        """Name the sender; what an earlier mail that was refused left behind is dropped."""
        if self._begun:
            await self._smtp.rset()
        self._begun = True
        await _step(Stage.SENDER, self._smtp.mail(sender))

    async def deliver(self, to: str, content: bytes) -> None:
        """Name the one recipient and hand over the text."""
        await _step(Stage.RECIPIENT, self._smtp.rcpt(to))
        await _step(Stage.CONTENT, self._smtp.data(content))
        self._begun = False
        self.mails += 1

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()


class MailClient:
    """Up to `mail_connections` connections, and up to `mail_domain_connections` mails to one domain at once."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.smtp_url)
        if url.scheme not in _SCHEMES or not url.hostname:
            raise ValueError("GELOMBANG_SMTP_URL must be smtp://, smtp+starttls:// or smtps:// with a host")
        self._url = url
        self._local_hostname = settings.mail_sender.rpartition("@")[2]
        self._timeout_seconds = settings.mail_timeout_seconds
        self._pacing = Pacing(
            turns=settings.mail_domain_connections,
            rest_seconds=lambda deferrals: backoff_seconds(
                deferrals, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds
            ),
            monotonic=time.monotonic,
        )
        self._free: asyncio.LifoQueue[_Connection | None] = asyncio.LifoQueue()
        for _ in range(settings.mail_connections):
            self._free.put_nowait(None)

    async def send(self, mail: bytes, *, sender: str, to: str) -> None:
        """Hand one mail to the relay.

        Raises `MailboxRefusedError`, `Retryable` (the relay is away, slow, says "later", or refuses us) and `Permanent`
        (the relay refuses this mail, not its mailbox).
        """
        domain = to.rpartition("@")[2].lower()
        async with self._pacing.turn(domain):
            try:
                await self._send(mail, sender, to)
            except Retryable as error:
                if error.cause in {"mail_domain_deferred", "mail_timeout"}:
                    self._pacing.deferred(domain)
                raise
            except (MailboxRefusedError, Permanent):
                self._pacing.took(domain)
                raise
            self._pacing.took(domain)

    async def close(self) -> None:
        """Close the connections that are not in use."""
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                connection.close()

    async def _send(self, content: bytes, sender: str, to: str) -> None:
        connection = await self._free.get()
        whole = False
        try:
            async with asyncio.timeout(self._timeout_seconds):
                connection = await self._begun(connection, sender)
                await connection.deliver(to, content)
            whole = True
        except (MailboxRefusedError, Retryable, Permanent):
            whole = True  # the relay has spoken: the connection is as good as before
            raise
        except (TimeoutError, aiosmtplib.SMTPTimeoutError) as error:
            raise Retryable("mail_timeout") from error
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError, OSError) as error:
            raise Retryable("mail_unreachable") from error
        except aiosmtplib.SMTPException as error:
            raise Retryable("mail_failed") from error
        finally:
            self._put_back(connection, whole=whole)

    async def _begun(self, kept: _Connection | None, sender: str) -> _Connection:
        """A connection on which a mail has begun; a kept one that is dead by now is replaced."""
        if kept is not None and kept.usable:
            with suppress(aiosmtplib.SMTPServerDisconnected, ConnectionError):
                await kept.begin(sender)
                return kept
        if kept is not None:
            kept.close()
        connection = await self._connect()
        try:
            await connection.begin(sender)
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_back(self, connection: _Connection | None, *, whole: bool) -> None:
        if connection is not None and whole:
            connection.idle_since = time.monotonic()
        elif connection is not None:
            connection.close()
            connection = None
        self._free.put_nowait(connection)

    async def _connect(self) -> _Connection:
        client = aiosmtplib.SMTP(
            hostname=self._url.hostname,
            port=self._url.port or _DEFAULT_PORTS[self._url.scheme],
            username=unquote(self._url.username) if self._url.username else None,
            password=unquote(self._url.password) if self._url.password else None,
            local_hostname=self._local_hostname,  # else the resolver is asked, which may take its time
            use_tls=self._url.scheme == "smtps",
            start_tls=self._url.scheme == "smtp+starttls",
            timeout=self._timeout_seconds,
        )
        await _step(Stage.CONNECT, client.connect())
        return _Connection(client)


async def _step(stage: Stage, command: Awaitable[object]) -> None:
    """One command; what the relay refuses is raised by its meaning."""
    try:
        await command
    except aiosmtplib.SMTPResponseException as error:
        raise refusal(stage, error.code, error.message) from error
