"""What a box has received, kept in memory: the newest messages, found by address without a search.

Nothing outlives the process: these are stand-ins, and a test that needs a message asks for it while they run.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
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


class Received:
    """The newest `kept` messages, numbered from 1 as they came.

    `same_address` turns what people write into the key of their box, so that two spellings of one address meet.
    """

    def __init__(self, *, clock: Clock, same_address: Callable[[str], str], kept: int = KEPT_MESSAGES) -> None:
        self._clock = clock
        self._same_address = same_address
        self._kept = kept
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self._numbers_by_address: dict[str, deque[int]] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, *, to: str, text: str, subject: str | None = None) -> int:
        """Keep a message, dropping the oldest when full; returns its number."""
        self._last_number += 1
        message = Message(to=to, subject=subject, text=text, received_at=self._clock.now())
        self._messages[self._last_number] = message
        self._numbers_by_address.setdefault(self._same_address(to), deque()).append(self._last_number)
        if len(self._messages) > self._kept:
            self._drop_oldest()
        return self._last_number

    def get(self, number: int) -> Message | None:
        """The message with this number, if it is still kept."""
        return self._messages.get(number)

    def newest(self, limit: int) -> list[tuple[int, Message]]:
        """Up to `limit` messages with their numbers, newest first, whoever they are for."""
        return list(islice(reversed(self._messages.items()), limit))

    def newest_to(self, address: str, limit: int) -> list[tuple[int, Message]]:
        """Up to `limit` messages to `address` with their numbers, newest first."""
        return list(islice(self._to(address), limit))

    def clear(self) -> None:
        """Forget every message. Numbers go on, so a page that is open never shows another's message."""
        self._messages.clear()
        self._numbers_by_address.clear()

    def _to(self, address: str) -> Iterator[tuple[int, Message]]:
        for number in reversed(self._numbers_by_address.get(self._same_address(address), ())):
            yield number, self._messages[number]

    def _drop_oldest(self) -> None:
        _, message = self._messages.popitem(last=False)
        address = self._same_address(message.to)
        numbers = self._numbers_by_address[address]
        # Numbers grow in every box alike, so the oldest message of all is the oldest of its own box.
        numbers.popleft()
        if not numbers:
            del self._numbers_by_address[address]
