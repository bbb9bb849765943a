"""Overload: what is left of the front door's rate when three times as much is asked of it as it can take.

One process, whose capacity is made small: few registrations to a commit, and commits made slow by PostgreSQL's own
commit_delay, as on a slow disk. So the generator and PostgreSQL keep processor time to spare, the capacity stays the
same while others use the disk, and what is measured is how the door refuses. In each round first its capacity, by
clients that ask at once after each answer; then as many clients as make three times that rate when each asks once a
second by its own clock, whatever it was answered. A client waits for its answer before it asks again, so the rate that
was really offered is part of the result.

Nothing is kept: a run that is killed proves nothing.
"""

import math
import secrets
import statistics
from collections.abc import Callable
from dataclasses import replace

import msgspec

from loadtest.bench import field
from loadtest.bench.contender import Serving
from loadtest.bench.field import Ground
from loadtest.bench.load import Generator, Load
from loadtest.bench.report import ExitCode
from loadtest.bench.rounds import WARM_UP_SECONDS
from loadtest.bench.stock import Stock

SETTINGS = {"GELOMBANG_BATCH_LIMIT": "16", "GELOMBANG_BATCH_WRITERS": "1"}
COMMIT_DELAY_MS = 20
TIMES_CAPACITY = 3.0
CLIENTS_AT_CAPACITY = 64
# The least that must be left of the capacity, and the most that 99 of 100 refusals may take.
GOODPUT_SHARE = 0.95
REFUSED_P99_MS = 50.0
_OFFERED_AT_LEAST = 0.9  # of what was meant; with less, clients waited too long for the run to be an overload
_EVERY_SECONDS = 1.0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` is how long each was asked; `rows` is what was stored in both measurements together."""

    number: int
    seconds: float
    clients: int
    capacity: Load
    overload: Load
    rows: int

    @property
    def capacity_per_second(self) -> float:
        """What it takes when nobody is refused."""
        return self.capacity.accepted / self.capacity.seconds

    @property
    def offered_per_second(self) -> float:
        """What was asked of it in the overload."""
        return (self.overload.accepted + self.overload.refused) / self.seconds

    @property
    def goodput_share(self) -> float:
        """What was left of the capacity."""
        return self.overload.accepted / self.overload.seconds / self.capacity_per_second

    @property
    def flaw(self) -> str | None:
        """Why it proves nothing, if it does not."""
        accepted = self.capacity.accepted + self.overload.accepted
        if self.rows != accepted:
            return f"round {self.number}: {accepted:,} accepted, {self.rows:,} rows"
        if self.capacity.broken + self.overload.broken:
            return f"round {self.number}: connections broken or answers too late"
        if self.offered_per_second < _OFFERED_AT_LEAST * TIMES_CAPACITY * self.capacity_per_second:
            return f"round {self.number}: offered {self.offered_per_second:,.0f}/s, too little for an overload"
        return None


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """What a run comes to: medians of the rounds, and the whole of what was refused without saying when to return."""

    commit_delay_ms: int
    settings: dict[str, str]
    rounds: tuple[Round, ...]

    @property
    def goodput_share(self) -> float:
        """Median of the rounds."""
        return statistics.median(one.goodput_share for one in self.rounds)

    @property
    def refused_p99_ms(self) -> float:
        """Median of the rounds."""
        return statistics.median(one.overload.refused_p99_ms or 0.0 for one in self.rounds)

    @property
    def without_retry_after(self) -> int:
        """In all rounds."""
        return sum(one.overload.without_retry_after or 0 for one in self.rounds)

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why it proves nothing, if it does not."""
        return tuple(flaw for one in self.rounds if (flaw := one.flaw) is not None)

    @property
    def exit_code(self) -> ExitCode:
        """As the command ends."""
        if self.flaws:
            return ExitCode.NOT_VALID
        reached = (
            self.goodput_share >= GOODPUT_SHARE
            and self.refused_p99_ms <= REFUSED_P99_MS
            and self.without_retry_after == 0
        )
        return ExitCode.OK if reached else ExitCode.TARGET_MISSED

    def to_json(self) -> bytes:
        """The result for programs."""
        content = msgspec.to_builtins(self) | {
            "goodput_share": self.goodput_share,
            "refused_p99_ms": self.refused_p99_ms,
            "without_retry_after": self.without_retry_after,
            "flaws": self.flaws,
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def run(ground: Ground, generator: Generator, *, rounds: int, seconds: float, say: Callable[[Round], None]) -> Overload:
    """All rounds, on one process that lives through them; `generator` must be our own."""
    contender = field.front_door(ground, database="overload", processes=1, settings=SETTINGS)
    if contender.stock is None:
        raise ValueError("the front door stores")
    found = []
    contender.stock.run(
        f"alter database overload set commit_delay = {COMMIT_DELAY_MS * 1_000}",
        "alter database overload set commit_siblings = 0",
    )
    with contender.serve() as serving:
        at_capacity = replace(generator, connections=CLIENTS_AT_CAPACITY)
        at_capacity.offer(serving.url, seconds=min(WARM_UP_SECONDS, seconds), prefix=f"warm-{secrets.token_hex(6)}")
        for number in range(1, rounds + 1):
            one = _measure(serving, contender.stock, at_capacity, number=number, seconds=seconds)
            say(one)
            found.append(one)
    return Overload(commit_delay_ms=COMMIT_DELAY_MS, settings=dict(contender.settings), rounds=tuple(found))


def _measure(serving: Serving, stock: Stock, at_capacity: Generator, *, number: int, seconds: float) -> Round:
    stock.reset()
    prefix = f"overload-{secrets.token_hex(6)}"
    capacity = at_capacity.offer(serving.url, seconds=seconds, prefix=f"{prefix}-1")
    wanted = TIMES_CAPACITY * capacity.accepted / capacity.seconds
    crowd = replace(at_capacity, connections=math.ceil(wanted * _EVERY_SECONDS), every_seconds=_EVERY_SECONDS)
    overload = crowd.offer(serving.url, seconds=seconds, prefix=f"{prefix}-3")
    return Round(
        number=number,
        seconds=seconds,
        clients=crowd.connections,
        capacity=capacity,
        overload=overload,
        rows=stock.count().rows,
    )
