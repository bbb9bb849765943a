"""People who register at a rate, by the clock, and do not give up: whatever was answered 202 is in `acked`.

One in so many walks the whole way: follows the link, types the code, and must end complete. The others leave after the
receipt, as most do until they look at their mail. If the process dies, the registrations stand where they stood.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from loadtest.applicants import Applicant, honest
from loadtest.caller import Answer, Caller
from loadtest.client import PATH, Client
from loadtest.inbox import Inbox
from loadtest.record import Record, Tally, UnexpectedError
from registration.applicant import Submission
from registration.handles import Handles

_ACCEPTED = 202
_SHARE_WHEN_OVERBURDENED = 0.25
_REPLAYS_AT_ONCE = 32
_REPLAY_FIRST = 20  # every so many-th receipt is kept, to ask for again at the end


class Receipt(msgspec.Struct, frozen=True):
    """A receipt that must never change."""

    index: int
    body: bytes


@dataclass
class Crowd:
    """Everybody of one run. `rate` may be changed while it goes on; no faults are known here.

    While the system is `overburdened`, that is, has more to work off than the run has time for, fewer come.
    """

    caller: Caller
    inbox: Inbox
    handles: Handles
    front_door: str
    seed: int
    rate: float
    walk_every: int
    waiting_limit: int = 4_000
    overburdened: Callable[[], bool] = lambda: False
    acked: dict[UUID, int] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    walkers: list[Record] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    sent: int = 0
    waiting: int = 0
    skipped: int = 0

    def __post_init__(self) -> None:
        randomness = random.Random(self.seed)  # noqa: S311 - spreads load, guards nothing
        self._client = Client(self.caller, self.inbox, randomness, front_door=self.front_door)

    async def run(self, enough: asyncio.Event) -> None:
        """Send people until `enough` is set, then return once everybody has a receipt, and walkers their end."""
        now = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as tasks:
            due = now()
            while not enough.is_set():
                rate = self.rate * (_SHARE_WHEN_OVERBURDENED if self.overburdened() else 1)
                due = max(due + 1 / rate, now() - 1.0)  # what was missed for longer is skipped, not sent in a heap
                if (early := due - now()) > 0:
                    await asyncio.sleep(early)
                if self.waiting >= self.waiting_limit:
                    self.skipped += 1
                    continue
                applicant = honest(self.seed, self.sent)
                self.sent += 1
                walks = self.sent % self.walk_every == 0
                tasks.create_task(self._walk(applicant) if walks else self._register(applicant))

    async def register_by_hand(self, applicant: Applicant) -> UUID:
        """Have one more person register, somebody special; gives the registration's id."""
        answer, _ = await self._send(applicant)
        return self._ack(applicant, answer.document()["handle"])

    async def replay(self) -> int:
        """Ask for kept receipts again with the same keys; returns how many came otherwise than the first time."""
        free = asyncio.Semaphore(_REPLAYS_AT_ONCE)

        async def differs(receipt: Receipt) -> bool:
            async with free:
                answer, _ = await self._send(honest(self.seed, receipt.index))
            return answer.status != _ACCEPTED or answer.body != receipt.body

        return sum(await asyncio.gather(*(differs(receipt) for receipt in self.receipts)))

    def people(self) -> Iterator[tuple[UUID, Submission]]:
        """Who was acked, made again from the seed."""
        return ((registration_id, honest(self.seed, index).truth) for registration_id, index in self.acked.items())

    async def _register(self, applicant: Applicant) -> None:
        self.waiting += 1
        try:
            answer, flaws = await self._send(applicant)
        finally:
            self.waiting -= 1
        self.flaws += flaws
        if answer.status != _ACCEPTED:
            self.flaws.append(f"POST registration: {answer.status}")
            return
        self._ack(applicant, answer.document()["handle"])
        if applicant.index % _REPLAY_FIRST == 0:
            self.receipts.append(Receipt(applicant.index, answer.body))

    async def _walk(self, applicant: Applicant) -> None:
        record = Record(applicant, self.tally, due_at=asyncio.get_running_loop().time())
        self.walkers.append(record)
        await self._client.walk(record)
        if record.handle is not None:
            self._ack(applicant, record.handle)

    def _ack(self, applicant: Applicant, handle: str) -> UUID:
        registration_id = self.handles.verify(handle)
        if registration_id is None:
            raise UnexpectedError("a receipt with a handle that is none")
        self.acked[registration_id] = applicant.index
        return registration_id

    async def _send(self, applicant: Applicant) -> tuple[Answer, list[str]]:
        """The answer in the end, and what was said on the way that the contract does not know."""
        record = Record(applicant, self.tally, due_at=0.0)
        headers = {"Content-Type": "application/json", "Idempotency-Key": applicant.key(1)}
        body = msgspec.json.encode(applicant.truth)
        url = self.front_door.rstrip("/") + PATH
        answer = await self.caller.call(record, "POST registration", "POST", url, body=body, headers=headers)
        return answer, record.flaws
