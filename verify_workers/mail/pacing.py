"""A pace for each recipient's domain, so that one that is slow or says "later" holds up nobody else.

A domain has at most so many mails under way. One that defers again and again rests, for growing waits, and is then
tried with a single mail until it takes one. One whose mails hang lets only a few more wait for their turn: others go
back to PostgreSQL as delayed. A healthy domain may wait in any number, since its turns come quickly.

Each worker learns for itself, in memory; a new process starts without grudges. Clock and waits are handed in.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from registration.errors import Retryable

# One or two in a row are no reason to hold up a domain.
_PATIENCE: Final = 3
_SLOW_SECONDS: Final = 2.0
_WAITING_AT_SLOW: Final = 8
_BUSY_SECONDS: Final = 2.0
_REMEMBERED: Final = 10_000


class _Domain:
    def __init__(self, turns: int) -> None:
        self.turns = asyncio.Semaphore(turns)
        self.under_way: dict[object, float] = {}
        self.waiting = 0
        self.deferred = 0
        self.rests_until = 0.0


class Pacing:
    """`turn` around each mail; then `took` or `deferred` says how it went."""

    def __init__(self, *, turns: int, rest_seconds: Callable[[int], float], monotonic: Callable[[], float]) -> None:
        self._turns = turns
        self._rest_seconds = rest_seconds
        self._now = monotonic
        self._domains: dict[str, _Domain] = {}

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for the domain's turn; raises `Retryable` with the wait while it rests or hangs."""
        domain = self._domain(name)
        self._refuse(domain)
        domain.waiting += 1
        try:
            await domain.turns.acquire()
        finally:
            domain.waiting -= 1
        mail = object()
        try:
            self._refuse_rest(domain)  # it may have begun to rest meanwhile
            domain.under_way[mail] = self._now()
            yield
        finally:
            domain.under_way.pop(mail, None)
            domain.turns.release()

    def took(self, name: str) -> None:
        """The domain took a mail, or refused a mailbox for good: it answers."""
        self._domain(name).deferred = 0

    def deferred(self, name: str) -> None:
        """The domain said "later", or nothing within the time."""
        domain = self._domain(name)
        domain.deferred += 1
        if domain.deferred >= _PATIENCE:
            domain.rests_until = self._now() + self._rest_seconds(domain.deferred - _PATIENCE + 1)

    def _refuse(self, domain: _Domain) -> None:
        self._refuse_rest(domain)
        now = self._now()
        slow = any(now - since > _SLOW_SECONDS for since in domain.under_way.values())
        if slow and domain.waiting >= _WAITING_AT_SLOW:
            raise Retryable("mail_domain_busy", _BUSY_SECONDS)

    def _refuse_rest(self, domain: _Domain) -> None:
        if domain.deferred < _PATIENCE:
            return
        left = domain.rests_until - self._now()
        if left > 0 or domain.under_way:  # a mail that tries it is under way
            raise Retryable("mail_domain_rests", max(left, _BUSY_SECONDS))

    def _domain(self, name: str) -> _Domain:
        found = self._domains.get(name)
        if found is None:
            if len(self._domains) >= _REMEMBERED:
                self._forget_idle()
            found = self._domains[name] = _Domain(self._turns)
        return found

    def _forget_idle(self) -> None:
        """Keep those with mails in hand and those that rest."""
        now = self._now()
        self._domains = {
            name: domain
            for name, domain in self._domains.items()
            if domain.under_way or domain.waiting or domain.rests_until > now
        }
