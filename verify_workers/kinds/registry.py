"""Whatever is asked of a registry: whether it knows this person as written (NIK), whether they study (student).

The same identity asked about by two registrations at once costs one call, also when two workers have them; what was
asked before costs none.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.clock import Clock
from registration.errors import HeldBack, Postponed, Retryable
from registration.registry import Registry
from registration.settings import Settings
from registration.store.work import NOT_FOUND, Delay, Verdict, Work
from registration.streams.claims import Claims
from verify_workers.kinds.checker import Answer
from verify_workers.ministry.answers import Missing
from verify_workers.ministry.breaker import QUOTA, seconds_until_midnight
from verify_workers.ministry.calls import CALLS
from verify_workers.ministry.client import MinistryClient
from verify_workers.ministry.connection import TooLateError
from verify_workers.ministry.gate import Gate
from verify_workers.ministry.retry_budget import RetryBudget, RetryPolicy

log = structlog.get_logger(__name__)

# A verdict is shared this long, by which time it is written and read from there.
_SHARED_SECONDS = 2.0


class RegistryChecker:
    """Asks its registry and makes a verdict of what it says. Made inside the running loop."""

    def __init__(self, settings: Settings, registry: Registry, *, claims: Claims, gate: Gate, clock: Clock) -> None:
        self._clock = clock
        self._quota_wait_seconds = registry.quota_wait_seconds
        self._claims = claims
        self._gate = gate
        self._budget = RetryBudget(RetryPolicy(most=settings.concurrency), now_seconds=time.monotonic())
        self._client = MinistryClient(registry)
        self._is_remembered = CALLS[registry.kind].is_remembered
        self._rechecks = settings.not_found_recheck_seconds
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[bytes, asyncio.Future[Verdict | Missing]] = {}
        self._shared: deque[tuple[float, bytes]] = deque()  # verdicts among these, and until when
        self._elsewhere: set[UUID] = set()

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Claim the identities of a delivery; without Valkey all are asked about here, at worst twice."""
        self._drop_written()
        unknown = [work for _, work in batch if work.known is None and work.identity_digest not in self._under_way]
        if not unknown:
            return
        try:
            elsewhere = await self._claims.take([work.identity_digest for work in unknown])
        except Retryable as error:
            log.warning("identities not claimed", cause=error.cause, count=len(unknown))
            return
        self._elsewhere.update(work.registration_id for work in unknown if work.identity_digest in elsewhere)

    async def keep(self) -> None:
        """Renew the claims."""
        await self._claims.renew()

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Ask the registry, unless the verdict on this identity is known."""
        if work.registration_id in self._elsewhere:
            self._elsewhere.remove(work.registration_id)
            raise Postponed  # another worker asks at this moment; when this comes again, its verdict is there
        if work.known is not None:
            return Answer(work.known)
        try:
            said = await self._ask_once(person, work)
        except Retryable as error:
            if error.cause == QUOTA:
                raise Retryable(QUOTA, self._until_next_quota()) from error
            raise
        if isinstance(said, Verdict):
            return Answer(said, remember=self._is_remembered)
        return self._not_found(work)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _ask_once(self, person: Applicant, work: Work) -> Verdict | Missing:
        """Ask, or share the call of whoever asks about the same identity now."""
        identity = work.identity_digest
        self._drop_written()
        shared = self._under_way.get(identity)
        if shared is not None:
            return await asyncio.shield(shared)  # one waiter's cancellation is not the others'
        self._under_way[identity] = shared = self._loop.create_future()
        try:
            said = await self._ask(person, work)
        except BaseException as error:
            shared.set_exception(error if isinstance(error, Retryable | Postponed) else Retryable("interrupted"))
            shared.exception()  # nobody may be waiting; then it is no lost error
            self._forget(identity)
            raise
        shared.set_result(said)
        if isinstance(said, Verdict):
            self._claims.settle(identity)
            self._shared.append((time.monotonic() + _SHARED_SECONDS, identity))
        else:
            self._forget(identity)
        return said

    async def _ask(self, person: Applicant, work: Work) -> Verdict | Missing:
        """Pass the gate and ask; a retry only where the budget has something left for it."""
        budget, tries = self._budget, 2 if work.is_retry else 1
        if work.is_retry and not budget.take(time.monotonic(), failures=work.failures):
            raise HeldBack
        try:
            said = await self._pass_and_ask(person, work)
        except Retryable:
            budget.failed(tries=tries)
            raise
        except BaseException:
            if work.is_retry:
                budget.give_back()  # it was sent back from the gate, or stopped with this worker
            raise
        budget.answered(time.monotonic(), tries=tries)
        return said

    async def _pass_and_ask(self, person: Applicant, work: Work) -> Verdict | Missing:
        """Once more where the time was over when the request could be written: its connection was long in opening."""
        while True:
            with suppress(TooLateError):
                async with self._gate.slot(work.identity_digest, failures=work.failures) as slot:
                    if not work.is_retry:
                        self._budget.begin(time.monotonic())
                    return await self._client.ask(person, in_time=slot.in_time)

    def _drop_written(self) -> None:
        """Drop the verdicts that were shared for long enough."""
        now = time.monotonic()
        while self._shared and self._shared[0][0] <= now:
            del self._under_way[self._shared.popleft()[1]]

    def _forget(self, identity: bytes) -> None:
        """Nothing is known of the identity: whoever comes next asks."""
        del self._under_way[identity]
        self._claims.give_up(identity)

    def _until_next_quota(self) -> float:
        """The registry's next day begins at midnight in Jakarta."""
        return min(seconds_until_midnight(self._clock.now()), self._quota_wait_seconds)

    def _not_found(self, work: Work) -> Answer:
        """Ask again after growing waits: the registry's copy is synchronised from time to time, so this may change."""
        if work.misses < len(self._rechecks):
            return Answer(Delay(NOT_FOUND, self._rechecks[work.misses]))
        return Answer(Verdict(State.REJECTED, Reason.NOT_FOUND))
