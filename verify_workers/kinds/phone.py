"""Phone: sends the code that proves that the applicant holds the phone.

At-least-once: a worker that dies between sending and the write sends again, with the same code and the same reference.
"""

from collections.abc import Sequence

import aiohttp

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Permanent, Retryable
from registration.handles import Challenges
from registration.settings import Settings
from registration.store.work import Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.letters import code_sms

_TAKEN = frozenset({200, 201, 202})
_UNREACHABLE = 422
_TOO_MANY = 429
_SERVER_ERROR = 500


class PhoneChecker:
    """Speaks to the SMS gateway: `POST /api/messages {"to", "text", "reference"}`."""

    def __init__(self, settings: Settings, challenges: Challenges) -> None:
        self._url = f"{settings.sms_url.rstrip('/')}/api/messages"
        self._challenges = challenges
        self._public_host = settings.public_url.rstrip("/").partition("://")[2]
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.concurrency, keepalive_timeout=60.0),
            timeout=aiohttp.ClientTimeout(total=settings.sms_timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Nothing to prepare."""

    async def keep(self) -> None:
        """Nothing to keep."""

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Send the code; a number that the gateway cannot reach is the applicant's to mend."""
        message = {
            "to": person.phone,
            "text": code_sms(self._challenges.phone_code(work.registration_id, work.generation), self._public_host),
            "reference": f"{work.registration_id.hex}-{work.generation}",
        }
        try:
            async with self._session.post(self._url, json=message, allow_redirects=False) as response:
                return _answer(response.status)
        except TimeoutError as error:
            raise Retryable("sms_timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retryable("sms_unreachable") from error

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()


def _answer(status: int) -> Answer:
    if status == _UNREACHABLE:
        return Answer(Verdict(State.REJECTED, Reason.PHONE_UNREACHABLE))
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        raise Retryable("sms_busy")
    if status not in _TAKEN:
        raise Permanent("sms_refused")
    return Answer(Verdict(State.SENT))
