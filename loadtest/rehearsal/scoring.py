"""How soon applicants see their score: tests are sent by the clock, and each applicant looks until the score is there.

A submission is due at its time, whatever the others wait for, and its latency counts from then on (open model).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.caller import Caller, NoAccount, open_session
from loadtest.rehearsal import prepared
from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.ground import Ground
from loadtest.rehearsal.operator import Operator
from loadtest.rehearsal.prepared import Prepared

PROMISE_SECONDS = 5.0
_WAVE = 1
_WAVE_SECONDS = 3600.0
# As the page's script looks: soon after sending, then ever less often.
_FIRST_LOOK_SECONDS, _LOOK_GROWTH = 1.0, 1.4
_LATE_SECONDS = 1.0
_JSON = {"Content-Type": "application/json"}
_LATENCIES = """
select count(*) as scored,
    percentile_disc(array[0.5, 0.99, 1.0])
        within group (order by extract(epoch from scored_at - submitted_at)::float8) as seconds
from assessments where wave = $1 and scored_at is not null
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """So many submissions, so many a second."""

    count: int
    per_second: float


class Scoring:
    """One run of a plan."""

    def __init__(self, plan: Plan, ground: Ground) -> None:
        self._plan = plan
        self._ground = ground
        self._late: list[float] = []

    async def run(self) -> Findings:
        """Rehearse; gives what was found."""
        ground = self._ground
        people = await prepared.verified(ground, self._plan.count)
        await Operator(ground, number=_WAVE, quota=1).open(seconds=_WAVE_SECONDS)
        await prepared.begin_tests(ground, people, wave=_WAVE)
        ground.say(f"{len(people):,} send their tests, {self._plan.per_second:g} a second")
        async with open_session() as session, ground.killing():
            caller = Caller(session, ground.randomness)
            began = _now()
            seen = await ground.everybody(
                "have seen their score",
                list(enumerate(people)),
                lambda pair: self._send_and_see(caller, pair[1], due_at=began + pair[0] / self._plan.per_second),
                at_once=self._plan.count,
            )
        return await self._findings(sorted(seen))

    async def _send_and_see(self, caller: Caller, person: Prepared, *, due_at: float) -> float:
        """Send the test when it is due; gives the seconds from then until the score was seen."""
        await asyncio.sleep(max(0.0, due_at - _now()))
        self._late.append(_now() - due_at)
        url = f"{self._ground.front_door}/api/v1/registrations/{person.handle}"
        patience = NoAccount()
        await caller.call(patience, "POST submit", "POST", f"{url}/test/submit", body=b"{}", headers=_JSON)
        pause = _FIRST_LOOK_SECONDS
        while True:
            await asyncio.sleep(pause * self._ground.randomness.uniform(0.8, 1.2))
            answer = await caller.call(patience, "GET wave", "GET", f"{url}/wave")
            if answer.document()["test"] == "scored":
                return _now() - due_at
            pause *= _LOOK_GROWTH

    async def _findings(self, seen: Sequence[float]) -> Findings:
        (row,) = await self._ground.insist(lambda: self._ground.database.fetch(_LATENCIES, _WAVE))
        in_time = sum(wait <= PROMISE_SECONDS for wait in seen)
        numbers = {
            "submissions": self._plan.count,
            "offered a second": self._plan.per_second,
            "sent late by at most, s": max(self._late),
            "score there after, median, s": row["seconds"][0],
            "score there after, 99 %, s": row["seconds"][1],
            "score there after, longest, s": row["seconds"][2],
            "score seen after, median, s": seen[len(seen) // 2],
            "score seen after, 99 %, s": seen[len(seen) * 99 // 100],
            "score seen after, longest, s": seen[-1],
        }
        claims = (
            Claim("every test is scored", row["scored"] == self._plan.count, f"{row['scored']:,}"),
            Claim(
                f"everybody sees the score within {PROMISE_SECONDS:g} s of sending",
                in_time == len(seen),
                f"{in_time:,} of {len(seen):,}, longest {seen[-1]:.2f} s",
            ),
            Claim(
                "each was sent when it was due",
                max(self._late) <= _LATE_SECONDS,
                f"{max(self._late):.2f} s late at most",
            ),
        )
        return self._ground.findings("scores as tests come in", numbers, claims)


def _now() -> float:
    return asyncio.get_running_loop().time()
