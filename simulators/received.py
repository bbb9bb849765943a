"""What a box has received, kept in memory: the newest messages, found by address without a search.

A message is kept as it came and read only when somebody looks: under load most of them are never looked at.

Nothing outlives the process: these are stand-ins, and a test that needs a message asks for it while they run.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice

import msgspec

from registration.clock import Clock

KEPT_MESSAGES = 200_000


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as it reads to the person who got it. A text message (SMS) has no subject."""

    to: str
    subject: str | None = None
    text: str
    received_at: datetime


class Content(msgspec.Struct, frozen=True):
    """What somebody who opens a message sees of it."""

    text: str
    subject: str | None = None


class _Sealed(msgspec.Struct, frozen=True):
    """A message as it came."""

    to: str
    raw: bytes
    received_at: datetime


class Received:
    """The newest `kept` messages, numbered from 1 as they came.

    `same_address` turns what people write into the key of their box, so that two spellings of one address meet;
    `read` opens a message.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        same_address: Callable[[str], str],
        read: Callable[[bytes], Content],
        kept: int = KEPT_MESSAGES,
    ) -> None:
        self._clock = clock
        self._same_address = same_address
        self._read = read
        self._kept = kept
        self._messages: OrderedDict[int, _Sealed] = OrderedDict()
        self._numbers_by_address: dict[str, deque[int]] = {}
        self._last_number = 0
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, *, to: str, raw: bytes) -> int:
        """Keep a message, dropping the oldest when full; returns its number."""
        self._last_number += 1
        self._messages[self._last_number] = _Sealed(to=to, raw=raw, received_at=self._clock.now())
        address = self._same_address(to)
        self._counts[address] += 1
        self._numbers_by_address.setdefault(address, deque()).append(self._last_number)
        if len(self._messages) > self._kept:
            self._drop_oldest()
        return self._last_number

    def get(self, number: int) -> Message | None:
        """The message with this number, if it is still kept."""
        sealed = self._messages.get(number)
        return None if sealed is None else self._open(sealed)

    def newest(self, limit: int) -> list[tuple[int, Message]]:
        """Up to `limit` messages with their numbers, newest first, whoever they are for."""
        return [(number, self._open(sealed)) for number, sealed in islice(reversed(self._messages.items()), limit)]

    def newest_to(self, address: str, limit: int) -> list[tuple[int, Message]]:
        """Up to `limit` messages to `address` with their numbers, newest first."""
        numbers = reversed(self._numbers_by_address.get(self._same_address(address), ()))
        return [(number, self._open(self._messages[number])) for number in islice(numbers, limit)]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many messages each address has had since the last `clear`, also of those that are kept no more."""
        return self._counts

    def clear(self) -> None:
        """Forget every message. Numbers go on, so a page that is open never shows another's message."""
        self._messages.clear()
        self._counts.clear()
        self._numbers_by_address.clear()

    def _open(self, sealed: _Sealed) -> Message:
        content = self._read(sealed.raw)
        return Message(to=sealed.to, subject=content.subject, text=content.text, received_at=sealed.received_at)

    def _drop_oldest(self) -> None:
        _, sealed = self._messages.popitem(last=False)
        address = self._same_address(sealed.to)
        numbers = self._numbers_by_address[address]
        # Numbers grow in every box alike, so the oldest message of all is the oldest of its own box.
        numbers.popleft()
        if not numbers:
            del self._numbers_by_address[address]
