"""The rush at the closing second: a crowd that has done the test joins, and the wave closes in the midst of it.

One join in a hundred is of somebody who was selected in an earlier wave, one in ten comes twice at once. Every join is
a request at the front door. Then it is compared, person by person, what each was told and what PostgreSQL holds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from loadtest.caller import Caller, NoAccount, open_session
from loadtest.rehearsal import prepared
from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.ground import Ground
from loadtest.rehearsal.operator import Operator
from loadtest.rehearsal.prepared import Prepared
from registration.store.upkeep import read_ledger

_EARLIER, _WAVE = 1, 2
_SELECTED_EACH, _TWICE_EACH = 100, 10
_FAR_SECONDS = 3600.0
_LEAST_AT_ONCE, _MOST_AT_ONCE = 16, 1_000
_OK = 200
_JSON = {"Content-Type": "application/json"}
_JOINS = "select registration_id, nik_digest from joins where wave = $1"
# Lets go of the earlier wave's time, so that the rush's can have it, and tells its result without a mail.
_MOVE_EARLIER = """
update waves set opens_at = opens_at - interval '2 hours', closes_at = closes_at - interval '2 hours',
    announce_at = clock_timestamp()
where number = $1
"""
_CLOSE_SOON = """
update waves set closes_at = clock_timestamp() + interval '0.02 seconds' where number = $1 returning closes_at
"""
_LAST_SECOND = """
select count(*) as joins from joins as j join waves as w on w.number = j.wave
where j.wave = $1 and j.joined_at >= w.closes_at - interval '1 second'
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """So many joins. The wave closes a moment after half of them are answered."""

    joins: int
    quota: int


class Rush:
    """One run of a plan."""

    def __init__(self, plan: Plan, ground: Ground) -> None:
        self._plan = plan
        self._ground = ground
        self._operator = Operator(ground, number=_WAVE, quota=plan.quota)
        self._told: dict[Prepared, set[str]] = {}
        self._answered = 0

    async def run(self) -> Findings:
        """Rehearse; gives what was found."""
        ground = self._ground
        twice = self._plan.joins // _TWICE_EACH
        people = await prepared.verified(ground, self._plan.joins - twice)
        selected = people[: max(1, self._plan.joins // _SELECTED_EACH)]
        await self._select_earlier(selected)
        asks = [*people, *people[-twice:]]
        ground.randomness.shuffle(asks)
        await self._prepare_wave(people)
        async with open_session() as session, ground.killing():
            caller = Caller(session, ground.randomness)
            at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, len(asks) // 100))
            await ground.everybody("have an answer", asks, lambda person: self._join(caller, person), at_once=at_once)
            await self._operator.see_closed(self._closes_at)
        places = await self._operator.select()
        return await self._findings(people, frozenset(selected), await self._operator.claims(places))

    async def _select_earlier(self, people: Sequence[Prepared]) -> None:
        """A wave before, in which exactly these were selected."""
        database, operator = self._ground.database, Operator(self._ground, number=_EARLIER, quota=len(people))
        await operator.open(seconds=_FAR_SECONDS)
        await prepared.begin_tests(self._ground, people, wave=_EARLIER)
        await prepared.finish_tests(database, people, wave=_EARLIER)
        async with open_session() as session:
            caller = Caller(session, self._ground.randomness)
            await self._ground.everybody("joined the wave before", people, lambda p: self._ask(caller, p, _EARLIER))
        await operator.close_early()
        await operator.select()
        await database.fetch(_MOVE_EARLIER, _EARLIER)

    async def _prepare_wave(self, people: Sequence[Prepared]) -> None:
        """The wave stands open, and everybody has a score."""
        await self._operator.open(seconds=_FAR_SECONDS)
        await prepared.begin_tests(self._ground, people, wave=_WAVE)
        await prepared.finish_tests(self._ground.database, people, wave=_WAVE)
        self._ground.say(f"{len(people):,} have done the test and join")

    async def _set_closing(self) -> None:
        (row,) = await self._ground.insist(lambda: self._ground.database.fetch(_CLOSE_SOON, _WAVE))
        self._closes_at = row["closes_at"]
        self._ground.say("the wave closes in 0.02 s")

    async def _join(self, caller: Caller, person: Prepared) -> None:
        self._told.setdefault(person, set()).add(await self._ask(caller, person, _WAVE))
        self._answered += 1
        if self._answered == self._plan.joins // 2:
            await self._set_closing()

    async def _ask(self, caller: Caller, person: Prepared, wave: int) -> str:
        """Ask to join; gives what was said in one word."""
        url = f"{self._ground.front_door}/api/v1/registrations/{person.handle}/join"
        body = msgspec.json.encode({"wave": wave})
        answer = await caller.call(NoAccount(), "POST join", "POST", url, body=body, headers=_JSON)
        return "joined" if answer.status == _OK else str(answer.document().get("code", answer.status))

    async def _findings(
        self, people: Sequence[Prepared], selected: frozenset[Prepared], claims: Sequence[Claim]
    ) -> Findings:
        rows = await self._ground.insist(lambda: self._ground.database.fetch(_JOINS, _WAVE))
        joined = {row["registration_id"] for row in rows}
        digests = len({row["nik_digest"] for row in rows})
        (last,) = await self._ground.insist(lambda: self._ground.database.fetch(_LAST_SECOND, _WAVE))
        ledger = await self._ground.insist(lambda: read_ledger(self._ground.database))
        wrong = [p for p in people if ("joined" in self._told[p]) != (p.id in joined)]
        again = [p for p in selected if p.id in joined]
        words = Counter(word for said in self._told.values() for word in said)
        odd = set(words) - {"joined", "wave_not_open", "already_selected"}
        numbers = {
            "joins asked for": self._plan.joins,
            "of people selected before": len(selected),
            "asked twice at once": self._plan.joins - len(people),
            "people who joined": len(joined),
            "in the last second": last["joins"],
            "people who came too late": words["wave_not_open"],
            "people told that they were selected before": words["already_selected"],
        }
        own = (
            Claim("the closing fell into the rush", 0 < len(joined) < len(people) - len(selected), f"{len(joined):,}"),
            Claim("who was told so has joined, and nobody else", not wrong, f"{len(wrong)} of {len(people):,} wrong"),
            Claim(
                "nobody joined twice", digests == len(rows) == len(joined), f"{len(rows):,} rows, {digests:,} people"
            ),
            Claim("nobody joined who was selected before", not again, f"{len(again)} of {len(selected):,}"),
            Claim("nobody heard anything else", not odd, ", ".join(sorted(odd)) or "nothing else"),
            Claim("the ledger balances", ledger.balances, f"{sum(ledger.discrepancies.values())} discrepancies"),
        )
        return self._ground.findings("the rush at the closing second", numbers, (*own, *claims))
