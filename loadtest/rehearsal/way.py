"""The whole way, from the plan of a wave to its announcement, with made-up applicants and processes killed on the way.

Everything goes through the front door as people's doings do; planning, opening, closing, selecting and announcing as
`gelombang wave` does them. Then the books are compared: what clients were told, what PostgreSQL holds, what was
published, what an independent script makes of it, and what went out by mail and SMS.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest import funnel
from loadtest.caller import Caller, open_session
from loadtest.record import Record, Tally, UnexpectedError
from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.killer import Killer
from loadtest.rehearsal.participant import Participant
from loadtest.trial import Plan as TrialPlan
from loadtest.trial import Trial
from registration.checks import Overall
from registration.lots import Lots
from registration.runtime import insist
from registration.sealing import KeyRing
from registration.store import announcements, waves
from registration.store.database import Database
from registration.store.upkeep import read_ledger
from registration.store.waves import Lottery, WaveRecord
from registration.waves import Place, Wave, commitment, load_rules, publish

RECOMPUTE = Path(__file__).parents[2] / "tools" / "recompute_selection.py"
_AT_ONCE = 64
_LATE = 200
_POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to rehearse, and where.

    The wave stands open for `wave_seconds`, or with `close_early` until all have joined. `kill_every_seconds` 0 kills
    nobody.
    """

    endpoints: Callable[[], Mapping[str, Any] | None]
    ring: KeyRing
    count: int
    quota: int
    seed: int
    wave_seconds: float
    close_early: bool
    kill_every_seconds: float
    command: str
    folder: Path
    number: int = 1


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What clients saw: how many were told that they joined, what went wrong, what late ones were told, the results."""

    joined: int
    troubles: Sequence[str]
    refused: Mapping[str, int]
    places: Sequence[Place]
    told: Sequence[Mapping[str, Any]]


class Rehearsal:
    """One run of a plan."""

    def __init__(self, plan: Plan, database: Database, console: Console) -> None:
        self._plan = plan
        self._database = database
        self._console = console
        self._randomness = random.Random(plan.seed)  # noqa: S311 - made-up people
        self._killer = Killer(plan.endpoints, self._randomness, pause_seconds=plan.kill_every_seconds)
        self._lots = Lots(plan.ring)
        self._began = time.monotonic()
        found = plan.endpoints() or {}
        self._front_door: str = found["front_door"]
        self._trial_plan = TrialPlan(
            front_door=found["front_door"],
            mailbox=found["mailbox"],
            sms=found["sms"],
            count=plan.count,
            seed=plan.seed,
            timeout_seconds=600.0 + plan.count / 5,
        )

    async def run(self) -> Findings:
        """Rehearse; gives what was found."""
        killing = asyncio.create_task(self._killer.run()) if self._plan.kill_every_seconds else None
        try:
            return await self._whole_way()
        finally:
            if killing is not None:
                killing.cancel()

    async def _whole_way(self) -> Findings:
        verified = await self._register()
        closes_at = await self._open()
        async with open_session() as session:
            caller = Caller(session, self._randomness)
            people = [self._participant(caller, record) for record in verified]
            joined, troubles = await self._take_part(people)
            await self._wait_until(closes_at)
            refused = await self._try_late(people)
            places = await self._select()
            await self._announce()
            told = await _together(people, Participant.progress)
        seen = _Seen(joined=joined, troubles=troubles, refused=refused, places=places, told=told)
        return await self._findings(len(verified), seen)

    async def _register(self) -> Sequence[Record]:
        """Everybody registers and confirms; gives those who are verified throughout."""
        self._say(f"{self._plan.count:,} applicants register")
        tally = Tally()
        trial = Trial(self._trial_plan, funnel.Funnel(tally, count=self._plan.count, console=self._console), tally)
        report = await trial.run()
        self._undeserved = len(report.otherwise)
        return [r for r in trial.records if r.seen is not None and r.seen.overall is Overall.COMPLETE]

    async def _open(self) -> datetime:
        now = datetime.now(UTC)
        closes_at = now + timedelta(seconds=self._plan.wave_seconds)
        wave = Wave(self._plan.number, now - timedelta(seconds=1), closes_at, self._plan.quota)
        nonce = os.urandom(16)
        self._promised = commitment(self._lots.lottery_seed(wave.number, nonce))
        await self._insist(lambda: waves.plan(self._database, [wave], [Lottery(self._promised, nonce)]))
        await self._insist(
            lambda: waves.open_wave(self._database, wave.number, actor="rehearsal", override_reason="a rehearsal")
        )
        self._say(f"wave {wave.number} is open for {self._plan.wave_seconds:g} s, quota {wave.quota:,}")
        return closes_at

    async def _take_part(self, people: Sequence[Participant]) -> tuple[int, Sequence[str]]:
        """Everybody takes the test and joins; gives how many were told that they joined, and what went wrong."""
        troubles: list[str] = []

        async def take_part(person: Participant) -> bool:
            try:
                await person.take_part()
            except UnexpectedError as error:
                troubles.append(str(error))
                return False
            return True

        joined = sum(await _together(people, take_part))
        self._say(f"{joined:,} of {len(people):,} took the test and joined")
        return joined, troubles

    async def _wait_until(self, closes_at: datetime) -> None:
        self._say("closing")
        if self._plan.close_early:
            await self._insist(lambda: waves.close_wave(self._database, self._plan.number, early=True))
            return
        await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds())
        while not (await self._wave()).closed_at:  # noqa: ASYNC110 - a worker closes it, in another process
            await asyncio.sleep(_POLL_SECONDS)

    async def _try_late(self, people: Sequence[Participant]) -> Mapping[str, int]:
        answers = await _together(people[:_LATE], Participant.join)
        codes = [str(answer.document().get("code", answer.status)) for answer in answers]
        return {code: codes.count(code) for code in sorted(set(codes))}

    async def _select(self) -> Sequence[Place]:
        """Whatever is killed under it: either all of it has happened, and is read, or nothing, and it is done again."""
        number, rules = self._plan.number, load_rules()

        async def select() -> Sequence[Place]:
            try:
                return await waves.run_selection(self._database, number, rules=rules, seed=self._lots.lottery_seed)
            except waves.NotReadyError:
                return await waves.read_places(self._database, number, rules=rules)

        return await insist(select, role="rehearsal")

    async def _announce(self) -> None:
        now = datetime.now(UTC)
        await self._insist(lambda: announcements.plan(self._database, self._plan.number, at=now, per_second=10_000.0))
        self._say("announced")
        while True:
            if not (await self._wave()).untold:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _findings(self, verified: int, seen: "_Seen") -> Findings:
        wave = await self._wave()
        places = seen.places
        selected = sum(place.selected for place in places)
        results = {result["ticket"].replace("-", ""): result for answer in seen.told if (result := answer["result"])}
        wrong = [p for p in places if (found := results.get(p.entry.ticket)) is None or found["rank"] != p.rank]
        late = await self._insist(lambda: self._database.fetch(_LATE_JOINS, self._plan.number))
        quota = self._plan.quota
        ledger = await self._insist(lambda: read_ledger(self._database))
        recomputed = self._recompute(places, wave.lottery_seed or b"")
        claims = (
            Claim("everybody was verified as deserved", not self._undeserved, f"{self._undeserved} otherwise"),
            Claim("nobody was refused on the way", not seen.troubles, f"{len(seen.troubles)} {seen.troubles[:3]}"),
            Claim(
                "who was told so has joined", seen.joined <= wave.joined, f"{seen.joined:,} told, {wave.joined:,} rows"
            ),
            Claim("nobody joined late", not late, f"{len(late)} rows"),
            Claim("late ones are told so", set(seen.refused) <= {"wave_not_open"}, str(seen.refused)),
            Claim("the quota is exact", selected == wave.selected == min(quota, wave.joined), f"{selected:,}"),
            Claim("anybody can recompute the list", recomputed.returncode == 0, recomputed.stdout.strip()),
            Claim("everybody sees their own result", not wrong, f"{len(wrong)} wrong of {len(places):,}"),
            Claim("everybody was told by mail and SMS", not wave.untold, f"{wave.told:,} messages"),
            Claim("the ledger balances", ledger.balances, f"{sum(ledger.discrepancies.values())} discrepancies"),
        )
        numbers = {
            "registered": self._plan.count,
            "verified throughout": verified,
            "tests begun": wave.started,
            "tests scored": wave.scored,
            "joined": wave.joined,
            "selected": wave.selected,
            "messages": wave.told,
        }
        return Findings(
            name="the whole way",
            command=self._plan.command,
            seconds=round(time.monotonic() - self._began, 1),
            kills=self._killer.kills,
            numbers=numbers,
            claims=claims,
        )

    async def _wave(self) -> WaveRecord:
        (record,) = await self._insist(lambda: waves.list_waves(self._database, self._plan.number))
        return record  # type: ignore[no-any-return]

    def _recompute(self, places: Sequence[Place], seed: bytes) -> "subprocess.CompletedProcess[str]":
        published = self._plan.folder / "result.csv"
        publish(published, places)
        arguments = ["--seed", seed.hex(), "--commitment", self._promised, "--quota", str(self._plan.quota)]
        return subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", str(RECOMPUTE), str(published), *arguments],
            check=False,
            capture_output=True,
            text=True,
        )

    def _participant(self, caller: Caller, record: Record) -> Participant:
        return Participant(caller, record, self._randomness, front_door=self._front_door, wave=self._plan.number)

    async def _insist(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - whatever is asked
        return await insist(call, role="rehearsal")

    def _say(self, words: str) -> None:
        self._console.print(f"[{time.monotonic() - self._began:6.1f} s] {words}", markup=False, highlight=False)


_LATE_JOINS = (
    "select 1 from joins as j join waves as w on w.number = j.wave where j.wave = $1 and j.joined_at >= w.closes_at"
)


async def _together(people: Sequence[Participant], act: Callable[[Participant], Awaitable[Any]]) -> list[Any]:
    """What everybody's act gives, in order, so many at once."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(person: Participant) -> Any:  # noqa: ANN401 - the act's result
        async with free:
            return await act(person)

    return list(await asyncio.gather(*(one(person) for person in people)))
