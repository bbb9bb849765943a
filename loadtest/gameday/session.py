"""One game day: people register all the while; one fault after another, each told, mended and cleared.

If this process dies, whoever started the system ends it, and with it every fault.
"""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loadtest.caller import Caller, open_session
from loadtest.chaos.crowd import Crowd
from loadtest.chaos.ground import Ground, opened
from loadtest.chaos.ground import Site as System
from loadtest.gameday.faults import FAULTS, Fault, Site
from loadtest.gameday.pager import Pager, Told, firing
from loadtest.gameday.report import Outcome, Report
from loadtest.inbox import Inbox
from registration.handles import Handles
from registration.sealing import KeyRing

_TOLD_SECONDS = 120.0
_CLEARED_SECONDS = 180.0
_STAYS_SECONDS = 12.0  # after it was told, the fault lasts on: what else is told?
_CALM_SECONDS = 5.0
_SETTLED_SECONDS = 15.0  # at first: longer than Alertmanager waits before it tells
_POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do."""

    faults: Sequence[str]
    rate: float
    quiet_seconds: float
    compression: float
    seed: int
    command: str


class GameDay:
    """The parts of one run."""

    def __init__(self, plan: Plan, site: Site, pager: Pager, prometheus: str, console: Console) -> None:
        self._plan = plan
        self._site = site
        self._pager = pager
        self._prometheus = prometheus
        self._console = console
        self._outcomes: list[Outcome] = []
        self.stopped = asyncio.Event()

    async def run(self) -> Report:
        """Everything in order."""
        plan = self._plan
        for wish in (signal.SIGINT, signal.SIGTERM):  # the fault in hand is played to its end
            asyncio.get_running_loop().add_signal_handler(wish, self.stopped.set)
        await self._until_calm(_CLEARED_SECONDS)
        await asyncio.sleep(_SETTLED_SECONDS)  # what fired for a moment while all was starting has been told by then
        began = time.monotonic()
        self._console.print(f"quiet for {plan.quiet_seconds:g} s …")
        await asyncio.sleep(plan.quiet_seconds)
        quiet_told = [one for _, one in self._pager.since(began)]
        chosen = [FAULTS[name] for name in plan.faults]
        possible = [fault for fault in chosen if self._site.small_disk is not None or not fault.needs_small_disk]
        for number, fault in enumerate(possible, 1):
            if self.stopped.is_set():
                break
            self._console.print(f"[{number}/{len(possible)}] {fault.name}: {fault.does}")
            outcome = await self._play(fault)
            self._outcomes.append(outcome)
            self._tell(outcome)
        return Report(
            command=plan.command,
            compression=plan.compression,
            rate=plan.rate,
            quiet_seconds=plan.quiet_seconds,
            quiet_told=quiet_told,
            outcomes=self._outcomes,
            interrupted=self.stopped.is_set(),
            left_out=[fault.name for fault in chosen if fault not in possible],
        )

    async def _play(self, fault: Fault) -> Outcome:
        began = time.monotonic()
        async with fault.breaks(self._site):
            told_after = await self._until_told(fault.expects, began)
            await asyncio.sleep(_STAYS_SECONDS if told_after is not None else 0)
        mended = time.monotonic()
        cleared = await self._until_calm(_CLEARED_SECONDS)
        others = {one for _, one in self._pager.since(began) if one != fault.expects}
        return Outcome(
            fault=fault.name,
            does=fault.does,
            expected=fault.expects,
            told_seconds=told_after,
            cleared_seconds=round(time.monotonic() - mended, 1) if cleared else None,
            others=sorted(others, key=str),
        )

    async def _until_told(self, expected: Told, began: float) -> float | None:
        while time.monotonic() - began < _TOLD_SECONDS:
            for at, one in self._pager.since(began):
                if one == expected:
                    return round(at - began, 1)
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def _until_calm(self, seconds: float) -> bool:
        """Wait until nothing fires, and has not for a moment; say whether it came to that."""
        deadline = time.monotonic() + seconds
        calm_since: float | None = None
        fires: frozenset[Told] = frozenset()
        while time.monotonic() < deadline:
            fires = await firing(self._site.ground.session, self._prometheus)
            if fires:
                calm_since = None
            elif calm_since is None:
                calm_since = time.monotonic()
            elif time.monotonic() - calm_since > _CALM_SECONDS:
                return True
            await asyncio.sleep(_POLL_SECONDS)
        self._console.print(f"  still firing: {', '.join(sorted(map(str, fires)))}" if fires else "  not calm")
        return False

    def _tell(self, outcome: Outcome) -> None:
        word = "as predicted" if outcome.is_good else "NOT AS PREDICTED"
        besides = f"; besides: {', '.join(map(str, outcome.others))}" if outcome.others else ""
        self._console.print(
            f"  {outcome.expected} told after {outcome.told_seconds} s, cleared after {outcome.cleared_seconds} s:"
            f" {word}{besides}"
        )


async def run(
    plan: Plan, system: System, pager: Pager, console: Console, *, targets: Path, small_disk: Path | None
) -> Report:
    """The report of one game day on a system that runs and is watched."""
    async with opened(system) as ground, open_session() as connections, asyncio.TaskGroup() as tasks:
        caller = Caller(connections, random.Random(plan.seed))  # noqa: S311 - spreads load, guards nothing
        crowd = Crowd(
            caller=caller,
            inbox=Inbox(caller, mailbox=ground.endpoint("mailbox"), sms=ground.endpoint("sms")),
            handles=Handles(KeyRing.load(system.keys)),
            front_door=ground.endpoint("front_door"),
            seed=plan.seed,
            rate=plan.rate,
            walk_every=10,
            waiting_limit=400,
        )
        coming = tasks.create_task(_crowd(crowd))
        site = Site(ground=ground, targets=targets, small_disk=small_disk)
        report = await GameDay(plan, site, pager, _prometheus(ground), console).run()
        coming.cancel()
    return report


async def _crowd(crowd: Crowd) -> None:
    with suppress(asyncio.CancelledError):
        await crowd.run(asyncio.Event())


def _prometheus(ground: Ground) -> str:
    return ground.endpoint("prometheus")
