"""Phone: sends the code that proves that the applicant holds the phone, as far as the limits on codes allow.

At-least-once: a worker that dies between sending and the write sends again, with the same code and the same reference.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.digests import KeyedDigest
from registration.errors import Retryable
from registration.handles import CHALLENGES_PER_HOUR, Challenges
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.store.codes import Code, CodeLimits, allow_codes
from registration.store.database import Database
from registration.store.work import Delay, Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.letters import code_sms
from verify_workers.sms_gateway import PhoneUnreachableError, SmsGateway

_RANGE_DIGITS = 4  # numbers are handed out to operators in blocks of ten thousand


log = structlog.get_logger(__name__)


class PhoneChecker:
    """Sends codes through the SMS gateway."""

    def __init__(self, *, settings: Settings, challenges: Challenges, ring: KeyRing, database: Database) -> None:
        self._database = database
        self._number = KeyedDigest(ring, "sms number")
        self._range = KeyedDigest(ring, "sms range")
        self._limits = CodeLimits(
            number_hourly=CHALLENGES_PER_HOUR,
            range_hourly=settings.sms_range_limit,
            range_sample=settings.sms_range_sample,
            least_answered=settings.sms_least_answered,
            daily=settings.sms_daily_budget,
        )
        self._allowed: dict[UUID, Delay | None] = {}
        self._uncounted: list[Code] = []
        self._counting = asyncio.Lock()
        self._challenges = challenges
        self._public_host = settings.public_url.rstrip("/").partition("://")[2]
        self._gateway = SmsGateway(settings)

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Ask PostgreSQL which codes of a delivery may go out, together with all others that wait to be counted.

        Only one transaction in the whole system counts at a time: one for each delivery would make a queue of them,
        where PostgreSQL is far away or slow.
        """
        together = self._uncounted
        together += [
            Code(
                work.registration_id,
                work.generation,
                self._number(person.phone.encode()),
                self._range(person.phone[:-_RANGE_DIGITS].encode()),
            )
            for person, work in batch
        ]
        async with self._counting:
            if together is self._uncounted:  # else somebody has counted them all meanwhile
                self._uncounted = []
                await self._count(together)

    async def _count(self, codes: Sequence[Code]) -> None:
        try:
            self._allowed.update(await allow_codes(self._database, codes, self._limits))
        except Retryable as error:
            log.warning("codes not counted", cause=error.cause, count=len(codes))

    async def keep(self) -> None:
        """Nothing to keep."""

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Send the code; a number that the gateway cannot reach is the applicant's to mend."""
        try:
            delay = self._allowed.pop(work.registration_id)
        except KeyError:
            raise Retryable("sms_not_counted") from None
        if delay is not None:
            return Answer(delay)
        code = self._challenges.phone_code(work.registration_id, work.generation)
        try:
            await self._gateway.send(
                to=person.phone,
                text=code_sms(code, self._public_host),
                reference=f"{work.registration_id.hex}-{work.generation}",
            )
        except PhoneUnreachableError:
            return Answer(Verdict(State.REJECTED, Reason.PHONE_UNREACHABLE))
        return Answer(Verdict(State.SENT))

    async def close(self) -> None:
        """Close its connections."""
        await self._gateway.close()
