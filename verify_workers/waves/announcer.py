"""Tells people the result of a wave, by mail and by text message, when each message is due.

Guarantee: every planned message is sent or given up with a cause, which is kept and logged. One that fails for
the system's sake is tried again with growing waits; a mailbox or phone that cannot be reached is given up, since the
page tells the result too. If the process dies, what it had in hand is due again after the lease.
"""

import asyncio
from collections import Counter

import structlog

from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.clock import Clock
from registration.errors import Permanent, Retryable
from registration.handles import Handles
from registration.runtime import backoff_seconds, describe_bug
from registration.sealing import KeyRingError, SealedDataError, Sealer
from registration.settings import Settings
from registration.store import announcements
from registration.store.announcements import Announcement, Settlement
from registration.store.database import Database
from verify_workers.letters import result_mail, result_sms
from verify_workers.mail.client import MailClient
from verify_workers.mail.replies import MailboxRefusedError
from verify_workers.sms_gateway import PhoneUnreachableError, SmsGateway

log = structlog.get_logger(__name__)

_LEASE_SECONDS = 120.0
EMAIL, PHONE = "email", "phone"


class Announcer:
    """Sends batch after batch until nothing is due."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        handles: Handles,
        mail: MailClient,
        sms: SmsGateway,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sealer = sealer
        self._handles = handles
        self._mail = mail
        self._sms = sms
        self._clock = clock
        self._told = metrics.announcements
        self._public_url = settings.public_url.rstrip("/")
        self._public_host = self._public_url.partition("://")[2]

    async def run_once(self) -> None:
        """Send whatever is due by now; raises `Retryable`."""
        while batch := await announcements.claim(
            self._database, limit=self._settings.concurrency, lease_seconds=_LEASE_SECONDS
        ):
            settlements = await asyncio.gather(*(self._settled(item) for item in batch))
            for cause, count in Counter(item.cause for item in settlements if item.cause).items():
                log.warning("messages not sent", cause=cause, count=count)
            await announcements.settle(self._database, settlements)

    async def _settled(self, item: Announcement) -> Settlement:
        """Send one message; whatever happens becomes what is written of it."""
        try:
            await self._send(item)
        except Retryable as error:
            wait = max(self._own_wait_seconds(item), error.retry_after_seconds or 0.0)
            return self._counted(Settlement(item, error.cause, wait), "retryable")
        except (MailboxRefusedError, PhoneUnreachableError):
            return self._counted(Settlement(item, "unreachable"), "given_up")
        except Permanent as error:
            return self._counted(Settlement(item, error.cause), "given_up")
        except Exception as error:  # noqa: BLE001 - a bug in one must not stop the others; it is due again later
            log.error("bug while announcing", registration=str(item.registration_id), **describe_bug(error))
            return self._counted(Settlement(item, "bug", self._settings.retry_cap_seconds), "retryable")
        return self._counted(Settlement(item), "sent")

    async def _send(self, item: Announcement) -> None:
        person = self._person(item)
        if item.channel == PHONE:
            await self._sms.send(
                to=person.phone,
                text=result_sms(item.wave, self._public_host),
                reference=f"{item.registration_id.hex}-wave-{item.wave}",
            )
            return
        try:
            mail = result_mail(
                to=person.email,
                sender=self._settings.mail_sender,
                url=f"{self._public_url}/r/{self._handles.sign(item.registration_id)}/test",
                public_host=self._public_host,
                sent_at=self._clock.now(),
                wave=item.wave,
                selected=item.selected,
            )
        except ValueError as error:
            raise Permanent("mail_not_composable") from error
        await self._mail.send(mail, sender=self._settings.mail_sender, to=person.email)

    def _person(self, item: Announcement) -> Applicant:
        try:
            return self._sealer.unseal(item.sealed, item.registration_id)
        except KeyRingError as error:
            raise Retryable("key_missing") from error
        except SealedDataError as error:
            raise Permanent("data_unreadable") from error

    def _own_wait_seconds(self, item: Announcement) -> float:
        settings = self._settings
        return backoff_seconds(item.attempts, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds)

    def _counted(self, settlement: Settlement, result: str) -> Settlement:
        self._told.labels(settlement.announcement.channel, result).inc()
        return settlement
