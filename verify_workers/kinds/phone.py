"""Phone: sends the code that proves that the applicant holds the phone, as far as the limits on codes allow.

At-least-once: a worker that dies between sending and the write sends again, with the same code and the same reference.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import aiohttp
import msgspec
import structlog

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.digests import KeyedDigest
from registration.errors import Permanent, Retryable
from registration.handles import CHALLENGES_PER_HOUR, Challenges
from registration.sealing import KeyRing
from registration.settings import Settings
from registration.store.codes import Code, CodeLimits, allow_codes
from registration.store.database import Database
from registration.store.work import Delay, Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.letters import code_sms

_TAKEN = frozenset({200, 201, 202})
_UNREACHABLE = 422
_UNREACHABLE_WORD = "unreachable"
_OF_US = frozenset({401, 402, 403, 404, 407})  # login, account, address: whoever the message is for
_REPLY_LIMIT_BYTES = 4_096
_RANGE_DIGITS = 4  # numbers are handed out to operators in blocks of ten thousand
_TOO_MANY = 429
_SERVER_ERROR = 500


log = structlog.get_logger(__name__)


class PhoneChecker:
    """Speaks to the SMS gateway: `POST /api/messages {"to", "text", "reference"}`."""

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
        self._url = f"{settings.sms_url.rstrip('/')}/api/messages"
        self._challenges = challenges
        self._public_host = settings.public_url.rstrip("/").partition("://")[2]
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.concurrency, keepalive_timeout=60.0),
            timeout=aiohttp.ClientTimeout(total=settings.sms_timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Ask PostgreSQL which codes of a delivery may go out."""
        codes = [
            Code(
                work.registration_id,
                work.generation,
                self._number(person.phone.encode()),
                self._range(person.phone[:-_RANGE_DIGITS].encode()),
            )
            for person, work in batch
        ]
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
        message = {
            "to": person.phone,
            "text": code_sms(self._challenges.phone_code(work.registration_id, work.generation), self._public_host),
            "reference": f"{work.registration_id.hex}-{work.generation}",
        }
        try:
            async with self._session.post(self._url, json=message, allow_redirects=False) as response:
                return _answer(response, await response.content.read(_REPLY_LIMIT_BYTES))
        except TimeoutError as error:
            raise Retryable("sms_timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retryable("sms_unreachable") from error

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()


class _Refusal(msgspec.Struct):
    """What the gateway says when it does not take a message."""

    error: str


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    """The gateway's answer; a phone is called unreachable only when the gateway says so in its own word."""
    status = response.status
    if status in _TAKEN:
        return Answer(Verdict(State.SENT))
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        asked_for = response.headers.get("Retry-After", "")
        raise Retryable("sms_busy", float(asked_for) if re.fullmatch(r"[0-9]{1,5}", asked_for) else None)
    if status in _OF_US:
        raise Retryable("sms_login")
    if status == _UNREACHABLE and _word(body) == _UNREACHABLE_WORD:
        return Answer(Verdict(State.REJECTED, Reason.PHONE_UNREACHABLE))
    raise Permanent("sms_refused")


def _word(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
