"""Reads what the system sent to an applicant, where the mail and SMS stand-ins show it.

It only looks; nothing is lost if the process dies.
"""

import re
from urllib.parse import urlencode

import msgspec

from loadtest.caller import Caller
from loadtest.record import Record, UnexpectedError

_OK = 200
_LINK = re.compile(r"https?://\S+/email/[^\s<>\"]+")
_CODE = re.compile(r"#([0-9]{4,8})\s*\Z")  # the last line, in the origin-bound one-time code format


class _Message(msgspec.Struct, frozen=True):
    text: str


class Inbox:
    """Mail and SMS of everybody; `mailbox` and `sms` are the stand-ins' addresses."""

    def __init__(self, caller: Caller, *, mailbox: str, sms: str) -> None:
        self._caller = caller
        self._mailbox = mailbox
        self._sms = sms

    async def newest_link(self, record: Record) -> str | None:
        """The link in the newest mail, or None when there is no mail."""
        text = await self._newest(record, "GET mailbox", self._mailbox, record.applicant.truth.email)
        return text and _found(_LINK.search(text), 0, "mail without a link")

    async def newest_code(self, record: Record) -> str | None:
        """The code in the newest text message, or None when there is none."""
        text = await self._newest(record, "GET sms", self._sms, record.applicant.truth.phone)
        return text and _found(_CODE.search(text), 1, "text message without a code")

    async def _newest(self, record: Record, what: str, place: str, address: str) -> str | None:
        url = f"{place}/api/messages?{urlencode({'to': address})}"
        answer = await self._caller.call(record, what, "GET", url)
        if answer.status != _OK:
            raise UnexpectedError(f"{what}: {answer.status}")
        messages = msgspec.json.decode(answer.body, type=list[_Message])
        return messages[0].text if messages else None


def _found(match: re.Match[str] | None, group: int, otherwise: str) -> str:
    if match is None:
        raise UnexpectedError(otherwise)
    return match[group]
