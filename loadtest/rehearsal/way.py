"""The whole way, from the plan of a wave to its announcement, with made-up applicants and processes killed on the way.

Everything goes through the front door as people's doings do; planning, opening, closing, selecting and announcing as
`gelombang wave` does them. Then the books are compared: what clients were told, what PostgreSQL holds, what was
published, what an independent script makes of it, and what went out by mail and SMS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest import funnel
from loadtest.caller import Caller, open_session
from loadtest.record import Record, Tally, UnexpectedError
from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.ground import AT_ONCE, Ground
from loadtest.rehearsal.operator import Operator
from loadtest.rehearsal.participant import Participant
from loadtest.trial import Plan as TrialPlan
from loadtest.trial import Trial
from registration.checks import Overall
from registration.store.upkeep import read_ledger
from registration.waves import Place

_LATE = 200
_WAVE = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to rehearse. The wave stands open for `wave_seconds`, or with `close_early` until all have joined."""

    count: int
    quota: int
    wave_seconds: float
    close_early: bool


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

    def __init__(self, plan: Plan, ground: Ground) -> None:
        self._plan = plan
        self._ground = ground
        self._operator = Operator(ground, number=_WAVE, quota=plan.quota)

    async def run(self) -> Findings:
        """Rehearse; gives what was found."""
        async with self._ground.killing():
            return await self._whole_way()

    async def _whole_way(self) -> Findings:
        verified = await self._register()
        closes_at = await self._operator.open(seconds=self._plan.wave_seconds)
        async with open_session() as session:
            caller = Caller(session, self._ground.randomness)
            people = [self._participant(caller, record) for record in verified]
            joined, troubles = await self._take_part(people)
            self._ground.say("closing")
            if self._plan.close_early:
                await self._operator.close_early()
            else:
                await self._operator.see_closed(closes_at)
            refused = await self._try_late(caller)
            places = await self._operator.select()
            await self._operator.announce()
            told = await self._ground.everybody("shown their result", people, Participant.progress)
        seen = _Seen(joined=joined, troubles=troubles, refused=refused, places=places, told=told)
        return await self._findings(len(verified), seen)

    async def _register(self) -> Sequence[Record]:
        """Everybody registers and confirms; gives those who are verified throughout."""
        count, addresses = self._plan.count, self._ground.addresses
        self._ground.say(f"{count:,} applicants register")
        tally = Tally()
        plan = TrialPlan(
            front_door=addresses["front_door"],
            mailbox=addresses["mailbox"],
            sms=addresses["sms"],
            count=count,
            seed=self._ground.seed,
            timeout_seconds=600.0 + count / 5,
            at_once=AT_ONCE,
        )
        trial = Trial(plan, funnel.Funnel(tally, count=count, console=self._ground.console), tally)
        report = await trial.run()
        self._undeserved = len(report.otherwise)
        complete = [r for r in trial.records if r.seen is not None and r.seen.overall is Overall.COMPLETE]
        # Some stay away, so that there is somebody who comes too late.
        self._latecomers = complete[: min(_LATE, len(complete) // 10)]
        return complete[len(self._latecomers) :]

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

        joined = sum(await self._ground.everybody("through the test and joining", people, take_part))
        self._ground.say(f"{joined:,} of {len(people):,} took the test and joined")
        return joined, troubles

    async def _try_late(self, caller: Caller) -> Mapping[str, int]:
        late = [self._participant(caller, record) for record in self._latecomers]
        answers = await self._ground.everybody("refused", late, Participant.join)
        codes = [str(answer.document().get("code", answer.status)) for answer in answers]
        return {code: codes.count(code) for code in sorted(set(codes))}

    async def _findings(self, verified: int, seen: "_Seen") -> Findings:
        wave = await self._operator.record()
        places = seen.places
        results = {result["ticket"].replace("-", ""): result for answer in seen.told if (result := answer["result"])}
        wrong = [p for p in places if (found := results.get(p.entry.ticket)) is None or found["rank"] != p.rank]
        ledger = await self._ground.insist(lambda: read_ledger(self._ground.database))
        claims = (
            Claim("everybody was verified as deserved", not self._undeserved, f"{self._undeserved} otherwise"),
            Claim("nobody was refused on the way", not seen.troubles, f"{len(seen.troubles)} {seen.troubles[:3]}"),
            Claim(
                "who was told so has joined", seen.joined == wave.joined, f"{seen.joined:,} told, {wave.joined:,} rows"
            ),
            Claim("late ones are told so", set(seen.refused) <= {"wave_not_open"}, str(seen.refused)),
            *await self._operator.claims(places),
            Claim("everybody sees their own result", not wrong, f"{len(wrong)} wrong of {len(places):,}"),
            Claim("everybody was told by mail and SMS", not wave.untold, f"{wave.told:,} messages"),
            Claim("the ledger balances", ledger.balances, f"{sum(ledger.discrepancies.values())} discrepancies"),
        )
        numbers = {
            "registered": self._plan.count,
            "verified throughout": verified + len(self._latecomers),
            "stayed away until too late": len(self._latecomers),
            "tests begun": wave.started,
            "tests scored": wave.scored,
            "joined": wave.joined,
            "selected": wave.selected,
            "messages": wave.told,
        }
        return self._ground.findings("the whole way", numbers, claims)

    def _participant(self, caller: Caller, record: Record) -> Participant:
        return Participant(caller, record, self._ground.randomness, front_door=self._ground.front_door, wave=_WAVE)
