"""Runs many applicants against a running system and judges how they end.

Arrivals come from a clock when a rate is asked for: an applicant is due at a time, whatever the answers to the others
do, and how late the sender itself was is reported. Without a rate, a bounded number walk at once, as fast as they end.

Everything is in memory: a run that is killed proves nothing, and its applicants stand in the system where they stood.
"""

import asyncio
import random
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import uvloop

from loadtest import funnel
from loadtest.applicants import Applicant, draw
from loadtest.caller import Caller, open_session
from loadtest.client import Client
from loadtest.inbox import Inbox
from loadtest.record import Record, Tally
from loadtest.report import Report, judge, otherwise_rows, persona_rows, spread
from registration.checks import Overall

AT_ONCE = 64
_LOOKS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to try, and where. `rate` is in arrivals per second; None is as fast as `at_once` applicants allow."""

    front_door: str
    mailbox: str
    sms: str
    count: int
    seed: int
    timeout_seconds: float
    rate: float | None = None
    at_once: int = AT_ONCE


def run(plan: Plan) -> Report:
    """Run a plan in a loop of its own, shown on standard output. Ctrl-C ends it early, and the report says so."""
    console = funnel.console()
    console.print(f"{plan.count:,} applicants of seed {plan.seed} at {plan.front_door}")
    tally = Tally()
    trial = Trial(plan, funnel.Funnel(tally, count=plan.count, console=console), tally)

    async def until_interrupted() -> Report:
        running = asyncio.ensure_future(trial.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, running.cancel)
        return await running

    report = uvloop.run(until_interrupted())
    funnel.show(report, console)
    return report


class Trial:
    """One run of a plan."""

    def __init__(self, plan: Plan, display: funnel.Funnel, tally: Tally) -> None:
        self._plan = plan
        self._display = display
        self._tally = tally
        self._records: list[Record] = []
        self._late_seconds: list[float] = []

    async def run(self) -> Report:
        """Run it to its end, or until the time is up or the task is cancelled: then the report says so."""
        began = asyncio.get_running_loop().time()
        not_valid = None
        async with open_session() as session:
            randomness = random.Random(self._plan.seed)  # noqa: S311 - spreads load, guards nothing
            caller = Caller(session, randomness)
            inbox = Inbox(caller, mailbox=self._plan.mailbox, sms=self._plan.sms)
            client = Client(caller, inbox, randomness, front_door=self._plan.front_door)
            try:
                async with asyncio.timeout(self._plan.timeout_seconds), self._display.shown():
                    await self._everybody(client)
                    await self._look_once_more(client)
            except TimeoutError:
                not_valid = f"not everybody was through after {self._plan.timeout_seconds:g} s"
            except asyncio.CancelledError:
                not_valid = "interrupted"  # Ctrl-C: what was seen until then is still worth telling
        return self._report(caller, seconds=asyncio.get_running_loop().time() - began, not_valid=not_valid)

    @property
    def records(self) -> Sequence[Record]:
        """What was seen of everybody so far."""
        return self._records

    async def _everybody(self, client: Client) -> None:
        applicants = draw(self._plan.seed, self._plan.count)
        async with asyncio.TaskGroup() as walks:
            if self._plan.rate is None:
                free = asyncio.Semaphore(self._plan.at_once)
                for applicant in applicants:
                    await free.acquire()
                    walk = walks.create_task(client.walk(self._record(applicant, due_at=_now())))
                    walk.add_done_callback(lambda _: free.release())
                return
            began = _now()
            for applicant in applicants:
                due_at = began + applicant.index / self._plan.rate
                if (early := due_at - _now()) > 0:  # a late sender catches up at once, it does not slow down
                    await asyncio.sleep(early)
                walks.create_task(self._walk_when_due(client, self._record(applicant, due_at=due_at)))

    async def _walk_when_due(self, client: Client, record: Record) -> None:
        self._late_seconds.append(_now() - record.due_at)
        await client.walk(record)

    async def _look_once_more(self, client: Client) -> None:
        """Whoever deserves to wait must still be waiting when all the others are through."""
        free = asyncio.Semaphore(_LOOKS_AT_ONCE)

        async def look(record: Record) -> None:
            async with free:
                await client.look(record)

        async with asyncio.TaskGroup() as looks:
            for record in self._records:
                if record.seen is not None and record.seen.overall is Overall.OPEN:
                    looks.create_task(look(record))

    def _record(self, applicant: Applicant, *, due_at: float) -> Record:
        record = Record(applicant, self._tally, due_at=due_at)
        self._records.append(record)
        return record

    def _report(self, caller: Caller, *, seconds: float, not_valid: str | None) -> Report:
        found = judge(self._records)
        receipts = [
            record.registered_at - record.due_at for record in self._records if record.registered_at is not None
        ]
        return Report(
            seed=self._plan.seed,
            count=self._plan.count,
            offered_per_second=self._plan.rate,
            seconds=round(seconds, 3),
            not_valid=not_valid,
            personas=persona_rows(self._records, found),
            otherwise=otherwise_rows(found),
            late_seconds=spread(self._late_seconds),
            receipt_seconds=spread(receipts),
            retries=self._tally.retries,
            answers=_by_request(caller),
        )


def _by_request(caller: Caller) -> Mapping[str, Mapping[str, int]]:
    """`{"GET status": {"200": 12, "304": 3}, …}`."""
    answers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (what, outcome), count in sorted(caller.answers.items()):
        answers[what][outcome] = count
    return answers


def _now() -> float:
    return asyncio.get_running_loop().time()
