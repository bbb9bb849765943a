"""One fault run: load, faults, calm, and the ledger.

If this process dies, the system under fault is ended by whoever started it; a run without its ledger says nothing. Nor
does one that is cancelled: it mends what it broke and ends.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from loadtest.caller import Caller, open_session
from loadtest.chaos.crowd import Crowd
from loadtest.chaos.drills import DRILLS, working
from loadtest.chaos.faults import Arena, Fault, Finding
from loadtest.chaos.ground import EnvironmentFailedError, Ground, Site, opened
from loadtest.chaos.journal import open_journal
from loadtest.chaos.kills import KILLS
from loadtest.chaos.ledger import Senders, Tolerance, judge, read_books
from loadtest.chaos.network import LINKS, NETWORK
from loadtest.chaos.progress import Progress
from loadtest.chaos.report import Report
from loadtest.chaos.watch import Watch
from loadtest.inbox import Inbox
from registration.checks import FROM_THE_START, Kind
from registration.handles import Handles
from registration.sealing import KeyRing

FAULTS = {**KILLS, **NETWORK, **DRILLS}
_STRIKES_AT_ONCE = 4
_SHORTEST_PACE_SECONDS, _LONGEST_PACE_SECONDS = 0.5, 10.0
_WARM_UP_SECONDS = 2.0
_CALM_SECONDS = 300.0
_POLL_SECONDS = 0.5
_OVERBURDENED = 20_000  # checks that wait: a few minutes of work
_KILLS_FOR_A_PERCENTILE = 100
_REDELIVERY_P50_SECONDS, _REDELIVERY_P99_SECONDS = 5.0, 15.0
_EXIT_SECONDS = 10.0
_SENDS_THROUGH = {Kind.EMAIL: "smtp", Kind.PHONE: "sms"}  # beside the stores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do. A run ends when it has that many acked and that many kills, whichever comes later."""

    faults: Sequence[str]
    acked: int
    kills: int
    rate: float
    seed: int
    walk_every: int
    backlog: int
    outage_seconds: float
    command: str


@dataclass
class Session:
    """The parts of one run."""

    plan: Plan
    ground: Ground
    crowd: Crowd
    watch: Watch
    arena: Arena
    progress: Progress
    strikes: Counter[str] = field(default_factory=Counter)

    async def run(self) -> Report:
        """Everything, in order. Raises `EnvironmentFailedError` when the system is gone for good."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        enough = asyncio.Event()
        await open_journal(self.ground.database)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self.watch.run())
            showing = tasks.create_task(self.progress.run(self._line))
            crowd = tasks.create_task(self.crowd.run(enough))
            await asyncio.sleep(_WARM_UP_SECONDS)
            await self._drills()
            await self._passing()
            enough.set()
            await self._calm(crowd)
            watching.cancel()
            findings = await self._ledger()
            showing.cancel()
        return Report(
            command=self.plan.command,
            seed=self.plan.seed,
            seconds=round(loop.time() - began, 1),
            rate=self.plan.rate,
            acked=len(self.crowd.acked),
            walked=len(self.crowd.walkers),
            kills=self._kills(),
            strikes=self.strikes,
            kills_by_process=self.ground.kills,
            findings=findings,
            answers={f"{what}: {outcome}": count for (what, outcome), count in self.crowd.caller.answers.items()},
        )

    async def _drills(self) -> None:
        for name in self.plan.faults:
            if FAULTS[name].is_drill:
                await self._strike(FAULTS[name], number=0)

    async def _passing(self) -> None:
        """Each passing fault once, in an order that is drawn, then by weight, until there is enough of everything."""
        faults = [FAULTS[name] for name in self.plan.faults if not FAULTS[name].is_drill]
        draws = random.Random(self.plan.seed)  # noqa: S311 - a schedule, no secret
        each = draws.sample(faults, len(faults))
        under_way: set[asyncio.Task[None]] = set()
        number = 0
        async with asyncio.TaskGroup() as tasks:
            while each or self._wants_more(faults):
                if faults and len(under_way) < _STRIKES_AT_ONCE:
                    fault = each.pop() if each else draws.choices(faults, [fault.weight for fault in faults])[0]
                    number += 1
                    task = tasks.create_task(self._strike(fault, number=number))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await asyncio.sleep(self._pace(faults))

    async def _strike(self, fault: Fault, *, number: int) -> None:
        self.strikes[fault.name] += 1
        chance = random.Random(f"{self.plan.seed}/{number}")  # noqa: S311 - the same strike in a repeated run
        self.progress.begin(fault.name)
        try:
            await fault.strike(replace(self.arena, randomness=chance))
        finally:
            self.progress.end(fault.name)

    def _pace(self, faults: Sequence[Fault]) -> float:
        """Spread the kills that are still wanted over the time that the load still takes."""
        weights = sum(fault.weight for fault in faults)
        share = sum(fault.weight for fault in faults if fault.kills) / weights if weights else 0.0
        seconds = max(0, self.plan.acked - len(self.crowd.acked)) / self.crowd.rate
        kills = self.plan.kills - self._kills()
        pace = seconds * share / kills if kills > 0 and share else _LONGEST_PACE_SECONDS / 2
        return min(_LONGEST_PACE_SECONDS, max(_SHORTEST_PACE_SECONDS, pace))

    async def _calm(self, crowd: asyncio.Task[None]) -> None:
        """Heal everything and wait until nothing is left to do for workers and walkers."""
        self.progress.begin("calm")
        for link in LINKS:
            await self.ground.harm(link)
        await self.ground.ministry()
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not crowd.done() or await working(self.ground):
            if loop.time() - began > _CALM_SECONDS:
                crowd.cancel()  # the ledger tells what is missing
                break
            await asyncio.sleep(_POLL_SECONDS)

    async def _ledger(self) -> Sequence[Finding]:
        self.progress.begin("ledger")
        await self.watch.sample()
        changed = await self.crowd.replay()
        books = await read_books(self.ground)
        site = self.ground.site
        tolerance = Tolerance(
            senders={kind: self._senders(kind) for kind in _SENDS_THROUGH},
            set_aside=frozenset(self.arena.poisoned),
            rate_ceiling=site.rate_ceiling,
            concurrency_ceiling=site.concurrency_ceiling,
            bunched=site.concurrency_ceiling if self.strikes.keys() & NETWORK.keys() else 0,
        )
        findings = judge(books, self.crowd.people(), tolerance)
        return [*findings, *self.arena.findings, *self._own_findings(changed)]

    def _senders(self, kind: Kind) -> Senders:
        """How often what those who send had in the act was cut off, by a fault of theirs or of what they depend on."""
        ground = self.ground
        own = ground.processes(f"worker-{kind}")
        harmed = sum(ground.harms[name] for name in (*own, "postgresql", "valkey", _SENDS_THROUGH[kind]))
        return Senders(harmed=harmed, at_once=len(own) * ground.site.calls_at_once)

    def _own_findings(self, changed: int) -> Sequence[Finding]:
        watch, crowd = self.watch, self.crowd
        unwell = [walker for walker in crowd.walkers if not walker.as_deserved]
        flaws = Counter(crowd.flaws + [flaw for walker in crowd.walkers for flaw in walker.flaws])
        said = f" ({', '.join(f'{text} × {count}' for text, count in flaws.most_common(3))})" if flaws else ""
        walked, receipts = len(crowd.walkers), len(crowd.receipts)
        return [
            Finding(
                "I17",
                "books that do not balance, and books without an acked registration",
                f"{watch.unbalanced} and {watch.missing} of {watch.samples:,} samples, {watch.away} times PostgreSQL"
                f" was away, longest gap {watch.longest_gap_seconds:.1f} s",
                watch.unbalanced == watch.missing == 0,
            ),
            Finding("I3", "receipts that differ when asked for again", f"{changed} of {receipts:,}", changed == 0),
            Finding("I1", "people on the whole way not complete", f"{len(unwell)} of {walked:,}", not unwell),
            Finding("I1", "answers that the contract does not know", f"{sum(flaws.values())}{said}", not flaws),
            *self._times(),
        ]

    def _times(self) -> Sequence[Finding]:
        found = []
        if waits := sorted(self.arena.redeliveries):
            p50, p99 = waits[len(waits) // 2], waits[min(len(waits) - 1, len(waits) * 99 // 100)]
            enough = self._kills() >= _KILLS_FOR_A_PERCENTILE
            holds = p50 <= _REDELIVERY_P50_SECONDS and p99 <= _REDELIVERY_P99_SECONDS
            seen = f"p50 {p50:.1f} s, p99 {p99:.1f} s of {len(waits):,} entries"
            found.append(Finding("I5", "what a killed worker held is delivered again", seen, holds if enough else None))
        if exits := self.arena.exits:
            seen = f"{len(exits):,} times, at most {max(exits):.1f} s"
            found.append(Finding("I13", "a process ends within 10 s of SIGTERM", seen, max(exits) < _EXIT_SECONDS))
        return found

    def _kills(self) -> int:
        return self.ground.kills.total()

    def _wants_more(self, faults: Sequence[Fault]) -> bool:
        can_kill = any(fault.kills for fault in faults)
        return len(self.crowd.acked) < self.plan.acked or (can_kill and self._kills() < self.plan.kills)

    def _line(self) -> str:
        books = self.watch.latest
        waiting = (
            {kind: books[f"{kind}_pending"] + books[f"{kind}_delayed"] for kind in FROM_THE_START} if books else {}
        )
        return (
            f"acked {len(self.crowd.acked):,} of {self.plan.acked:,}; kills {self._kills()} of {self.plan.kills};"
            f" waiting {', '.join(f'{kind} {count:,}' for kind, count in waiting.items())}"
        )


@contextlib.asynccontextmanager
async def session(plan: Plan, site: Site, progress: Progress) -> AsyncIterator[Session]:
    """A run on a system that is up."""
    async with opened(site) as ground, open_session() as connections:
        caller = Caller(connections, random.Random(plan.seed))  # noqa: S311 - spreads load, guards nothing
        crowd = Crowd(
            caller=caller,
            inbox=Inbox(caller, mailbox=ground.endpoint("mailbox"), sms=ground.endpoint("sms")),
            handles=Handles(KeyRing.load(site.keys)),
            front_door=ground.endpoint("front_door"),
            seed=plan.seed,
            rate=plan.rate,
            walk_every=plan.walk_every,
        )
        watch = Watch(ground, lambda: len(crowd.acked))
        crowd.overburdened = lambda: watch.waiting > _OVERBURDENED
        arena = Arena(
            ground=ground,
            crowd=crowd,
            randomness=random.Random(plan.seed),  # noqa: S311 - the same faults in a repeated run
            backlog=plan.backlog,
            outage_seconds=plan.outage_seconds,
        )
        yield Session(plan, ground, crowd, watch, arena, progress)


async def run(plan: Plan, site: Site, progress: Progress) -> Report:
    """The report of one run. Raises `EnvironmentFailedError` when there is nothing to report on."""
    try:
        async with session(plan, site, progress) as made:
            return await made.run()
    except* EnvironmentFailedError as errors:
        raise EnvironmentFailedError("; ".join(_texts(errors))) from None


def _texts(errors: BaseExceptionGroup[BaseException]) -> Iterator[str]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _texts(error)
        else:
            yield str(error)
