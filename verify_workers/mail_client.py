"""A mail relay spoken to over connections that are kept and shared.

Guarantee: `send` returns once the relay has taken the mail. It says of a mailbox that it refuses for good only when the
relay said so of the recipient; every other failure is the system's trouble.
"""

import asyncio
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from registration.errors import Permanent, Retryable
from registration.settings import Settings

_SCHEMES = frozenset({"smtp", "smtps", "smtp+starttls"})
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
# Replies to RCPT TO that speak of the mailbox (RFC 5321): no such mailbox, not here, not allowed as a name.
_MAILBOX_REFUSED = frozenset({550, 551, 553})
_PERMANENT = 500


class MailboxRefusedError(Exception):
    """The recipient's mailbox does not exist or does not take mail."""


class MailClient:
    """Up to `mail_connections` connections; a call waits for a free one."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.smtp_url)
        if url.scheme not in _SCHEMES or not url.hostname:
            raise ValueError("GELOMBANG_SMTP_URL must be smtp://, smtp+starttls:// or smtps:// with a host")
        self._url = url
        self._timeout_seconds = settings.mail_timeout_seconds
        self._free: asyncio.LifoQueue[aiosmtplib.SMTP | None] = asyncio.LifoQueue()
        for _ in range(settings.mail_connections):
            self._free.put_nowait(None)

    async def send(self, mail: EmailMessage) -> None:
        """Hand one mail to the relay.

        Raises `MailboxRefusedError`, `Retryable` (the relay is away, slow, or says "later") and `Permanent` (the relay
        refuses us, not the mailbox).
        """
        connection = await self._free.get()
        kept: aiosmtplib.SMTP | None = None
        try:
            kept = connection if connection is not None and connection.is_connected else await self._connect()
            await kept.send_message(mail)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError, OSError) as error:
            kept = None
            raise Retryable("mail_unreachable") from error
        except (aiosmtplib.SMTPTimeoutError, TimeoutError) as error:
            kept = None
            raise Retryable("mail_timeout") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0].code, MailboxRefusedError()) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, None) from error
        except aiosmtplib.SMTPException as error:
            kept = None
            raise Retryable("mail_failed") from error
        finally:
            self._free.put_nowait(kept)

    async def close(self) -> None:
        """Close the connections that are not in use."""
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                connection.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._url.hostname,
            port=self._url.port or _DEFAULT_PORTS[self._url.scheme],
            username=unquote(self._url.username) if self._url.username else None,
            password=unquote(self._url.password) if self._url.password else None,
            use_tls=self._url.scheme == "smtps",
            start_tls=self._url.scheme == "smtp+starttls",
            timeout=self._timeout_seconds,
        )
        await client.connect()
        return client


def _refusal(code: int, of_mailbox: Exception | None) -> Exception:
    if of_mailbox is not None and code in _MAILBOX_REFUSED:
        return of_mailbox
    return Permanent("mail_refused") if code >= _PERMANENT else Retryable("mail_deferred")
