"""The SMS gateway spoken to over kept connections: `POST /api/messages {"to", "text", "reference"}`.

Guarantee: `send` returns once the gateway has taken the message. A phone is called unreachable only when the gateway
says so in its own word. If the process dies, a message under way is sent again with the same reference.
"""

import re

import aiohttp
import msgspec

from registration.errors import Permanent, Retryable
from registration.settings import Settings

_TAKEN = frozenset({200, 201, 202})
_UNREACHABLE = 422
_UNREACHABLE_WORD = "unreachable"
_OF_US = frozenset({401, 402, 403, 404, 407})  # login, account, address: whoever the message is for
_REPLY_LIMIT_BYTES = 4_096
_TOO_MANY = 429
_SERVER_ERROR = 500


class PhoneUnreachableError(Exception):
    """The gateway cannot reach this number."""


class SmsGateway:
    """One per process; make it inside the running loop."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.sms_url.rstrip('/')}/api/messages"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.concurrency, keepalive_timeout=60.0),
            timeout=aiohttp.ClientTimeout(total=settings.sms_timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, *, to: str, text: str, reference: str) -> None:
        """Hand one message to the gateway; raises `PhoneUnreachableError`, `Retryable` and `Permanent`."""
        message = {"to": to, "text": text, "reference": reference}
        try:
            async with self._session.post(self._url, json=message, allow_redirects=False) as response:
                _require_taken(response, await response.content.read(_REPLY_LIMIT_BYTES))
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


def _require_taken(response: aiohttp.ClientResponse, body: bytes) -> None:
    status = response.status
    if status in _TAKEN:
        return
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        asked_for = response.headers.get("Retry-After", "")
        raise Retryable("sms_busy", float(asked_for) if re.fullmatch(r"[0-9]{1,5}", asked_for) else None)
    if status in _OF_US:
        raise Retryable("sms_login")
    if status == _UNREACHABLE and _word(body) == _UNREACHABLE_WORD:
        raise PhoneUnreachableError
    raise Permanent("sms_refused")


def _word(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
