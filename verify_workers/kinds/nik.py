"""NIK: whether the registry knows this person as written.

The same identity asked about by two registrations at once costs one call; what was asked before costs none.
"""

import asyncio

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.settings import Settings
from registration.store.work import NOT_FOUND, Delay, Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.ministry.answers import Missing
from verify_workers.ministry.client import MinistryClient


class NikChecker:
    """Asks the registry and makes a verdict of what it says."""

    def __init__(self, settings: Settings) -> None:
        self._client = MinistryClient(settings)
        self._rechecks = settings.not_found_recheck_seconds
        self._under_way: dict[bytes, asyncio.Future[Verdict | Missing]] = {}

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Ask the registry, unless the verdict on this identity is known."""
        if work.known is not None:
            return Answer(work.known)
        said = await self._ask_once(person, work.identity_digest)
        if isinstance(said, Verdict):
            return Answer(said, remember=True)
        return self._not_found(work)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _ask_once(self, person: Applicant, identity: bytes) -> Verdict | Missing:
        """Ask, or share the call of whoever asks about the same identity now."""
        shared = self._under_way.get(identity)
        if shared is not None:
            return await asyncio.shield(shared)  # one waiter's cancellation is not the others'
        self._under_way[identity] = shared = asyncio.get_running_loop().create_future()
        try:
            said = await self._client.ask(person)
        except BaseException as error:
            shared.set_exception(error if isinstance(error, Retryable) else Retryable("interrupted"))
            shared.exception()  # nobody may be waiting; then it is no lost error
            raise
        else:
            shared.set_result(said)
            return said
        finally:
            del self._under_way[identity]

    def _not_found(self, work: Work) -> Answer:
        """Ask again after growing waits: the registry's copy is synchronised from time to time, so this may change."""
        if work.misses < len(self._rechecks):
            return Answer(Delay(NOT_FOUND, self._rechecks[work.misses]))
        return Answer(Verdict(State.REJECTED, Reason.NOT_FOUND))
