"""E-mail: sends the link that proves that the applicant reads the mailbox.

At-least-once: a worker that dies between sending and the write sends again, with the same link and the same Message-ID.
"""

from collections.abc import Sequence

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.clock import Clock
from registration.errors import Permanent
from registration.handles import Challenges
from registration.settings import Settings
from registration.store.work import Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.letters import verification_mail
from verify_workers.mail.client import MailClient
from verify_workers.mail.replies import MailboxRefusedError


class EmailChecker:
    """Sends mails over kept connections."""

    def __init__(self, settings: Settings, challenges: Challenges, clock: Clock) -> None:
        self._client = MailClient(settings)
        self._challenges = challenges
        self._clock = clock
        self._sender = settings.mail_sender
        self._public_url = settings.public_url.rstrip("/")
        self._public_host = self._public_url.partition("://")[2]

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Nothing to prepare."""

    async def keep(self) -> None:
        """Nothing to keep."""

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Send the link; a mailbox that refuses for good is the applicant's to mend."""
        token = self._challenges.email_token(work.registration_id, work.generation)
        try:
            mail = verification_mail(
                to=person.email,
                sender=self._sender,
                url=f"{self._public_url}/email/{token}",
                public_host=self._public_host,
                sent_at=self._clock.now(),
            )
        except ValueError as error:
            raise Permanent("mail_not_composable") from error
        try:
            await self._client.send(mail, sender=self._sender, to=person.email)
        except MailboxRefusedError:
            return Answer(Verdict(State.REJECTED, Reason.EMAIL_UNDELIVERABLE))
        return Answer(Verdict(State.SENT))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
