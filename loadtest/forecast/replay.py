"""The wave on the real system, compressed: fewer people in less time, at a registry that is as much slower.

Time runs `faster` times as fast and only one in `one_in` people comes, so the rates of arrivals and of the registry
are both multiplied by `faster / one_in`, and the time before somebody confirms their mail is divided by `faster`.
Shares are then those of the full wave. What does not shrink with time (a retry's wait, a mail's way) weighs more than
it would.

What happened is sampled from PostgreSQL; nothing here decides anything. If this process dies, the load ends by itself.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtest.arrivals.schedule import Curve, Spacing
from loadtest.bench.stock import with_database
from loadtest.forecast.model import Moment, Scenario, drained
from loadtest.forecast.protection import played
from loadtest.proof.generator import Load, offer
from loadtest.proof.system import System
from registration.store.database import Database

_SAMPLE_SECONDS = 0.5
_STAND_IN_CALLS = 16  # served at once by the stand-in registry; with its latency they make the rate
_LEAST_LATENCY_SECONDS = 0.02
_IN_FLIGHT = 50_000
_LAG_SECONDS = 5.0
_ANSWERS = """
select
    extract(epoch from now() - min(received_at))::float8 as seconds,
    count(*)::float8 as registered,
    count(*) filter (where nik_state in ('verified', 'rejected'))::float8 as decided,
    count(*) filter (where email_state = 'verified')::float8 as confirmed,
    count(*) filter (where email_state = 'verified' and nik_state in ('pending', 'delayed'))::float8
        as confirmed_waiting,
    count(*) filter (where email_state in ('pending', 'delayed'))::float8 as mail,
    count(*) filter (where phone_state in ('pending', 'delayed'))::float8 as text
from registrations
"""


@dataclass(frozen=True, kw_only=True)
class Compression:
    """How the wave is made small, and what of it is replayed."""

    curve: Curve
    faster: float
    one_in: float

    @property
    def seconds(self) -> float:
        """How long people arrive here."""
        return self.curve.end_seconds / self.faster

    @property
    def factor(self) -> float:
        """What every rate is multiplied with."""
        return self.faster / self.one_in

    @property
    def short_curve(self) -> Curve:
        """The curve as it is offered here."""
        return self.curve.stretched(1 / self.faster)

    def scenario(self, scenario: Scenario) -> Scenario:
        """The same wave as the simulation sees it here, in compressed time, with the registry's protection."""
        asked = registry(scenario.ministry_rate * self.factor)
        protection = played(servers=int(asked["capacity"]), service_seconds=asked["latency_seconds"])
        return msgspec.structs.replace(
            scenario,
            ministry_share=protection.share,
            finding=protection.finding,
            peak=scenario.peak * self.factor,
            ministry_rate=scenario.ministry_rate * self.factor,
            confirm_seconds=scenario.confirm_seconds / self.faster,
            quota_resets_after_seconds=scenario.quota_resets_after_seconds / self.faster,
        )


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen, in compressed time.

    `drained_at_seconds` is when fewer waited than the registry answers in a second, for good; None when that was not
    seen.
    """

    moments: tuple[Moment, ...]
    close_seconds: float
    drained_at_seconds: float | None
    errors: dict[str, int]

    @property
    def at_close(self) -> Moment:
        """How things stood when the time was up."""
        return min(self.moments, key=lambda one: abs(one.seconds - self.close_seconds))


def run(
    system: System,
    compression: Compression,
    scenario: Scenario,
    folder: Path,
    *,
    told: Callable[[Moment], None],
    drain_seconds: float,
) -> Replay:
    """Replay on an empty system, watched for `drain_seconds` after the end.

    It begins when the pool of NIK workers is no longer new, as a wave does: a new pool has static shares for some
    seconds, and its controller learns from calls that it did not allow. Raises what `offer` raises, and OSError.
    """
    short = compression.scenario(scenario)
    system.set_ministry(registry(short.ministry_rate))
    system.await_leased_shares()
    watcher = _Watcher(system, told)
    load = Load(
        front_door=system.front_door,
        rate=short.peak,
        points=compression.short_curve.points,
        spacing=Spacing.POISSON,
        mix={"confirm_mail": scenario.confirm_share, "insist": 1 - scenario.confirm_share},
        processes=1,
        in_flight_limit=_IN_FLIGHT,
        lag_limit_seconds=_LAG_SECONDS,
        run=f"replay-{secrets.token_hex(4)}",
        seed=secrets.randbits(31),
        user_class="Applicants",
        mailbox=system.mailbox,
        think_seconds=short.confirm_seconds,
    )
    result = offer(load, folder, passed=watcher.look)
    until = time.monotonic() + drain_seconds
    while not watcher.is_drained and time.monotonic() < until:
        watcher.look(0.0)
        time.sleep(_SAMPLE_SECONDS / 2)
    return Replay(
        moments=tuple(watcher.moments),
        close_seconds=compression.seconds,
        drained_at_seconds=drained(watcher.moments, lambda one: one.waiting, few=few(short)),
        errors=result.window().errors,
    )


def few(short: Scenario) -> float:
    """So many people are in the registry's hands at any time, and are no queue."""
    return max(1.0, short.ministry_rate)


def registry(rate: float) -> dict[str, float]:
    """The stand-in's settings for a registry of this capacity: some calls at once, each as long as it must be."""
    calls = max(1, min(_STAND_IN_CALLS, int(rate * 10)))
    while calls / rate < _LEAST_LATENCY_SECONDS:
        calls *= 2
    return {"capacity": calls, "latency_seconds": calls / rate}


class _Watcher:
    """Samples PostgreSQL now and then."""

    def __init__(self, system: System, told: Callable[[Moment], None]) -> None:
        self._system = system
        self._told = told
        self._next = 0.0
        self.moments: list[Moment] = []

    @property
    def is_drained(self) -> bool:
        """Whether nobody waits for a verdict."""
        return bool(self.moments) and self.moments[-1].waiting == 0

    def look(self, _passed: float) -> None:
        """Take a sample when it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SAMPLE_SECONDS
        found = with_database(self._system.database_url, _sample)
        if found is not None:
            self.moments.append(found)
            self._told(found)


async def _sample(database: Database) -> Moment | None:
    (row,) = await database.fetch(_ANSWERS)
    if not row["registered"]:
        return None
    return Moment(
        seconds=row["seconds"],
        arrived=row["registered"],
        registered=row["registered"],
        door=0.0,
        mail=row["mail"],
        text=row["text"],
        waiting=row["registered"] - row["decided"],
        decided=row["decided"],
        confirmed=row["confirmed"],
        confirmed_waiting=row["confirmed_waiting"],
    )
