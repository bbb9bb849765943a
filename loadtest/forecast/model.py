"""Queues over a wave as fluids: people flow in by a curve, and each queue lets through what its server can.

    arrivals → door → (mail queue → confirming) ─┐
                    → (text queue)               ├─ those who confirmed their mail go first
                    → NIK queue ─────────────────┘→ verdict, as fast as workers, ceiling and quota allow

Counts are of people and not whole: in a queue of thousands nobody sees the difference. Within a queue everybody is
alike, except that the NIK queue serves the confirmed first. Pure: a wave of 21 hours and
millions of people takes a fraction of a second, whatever their number.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import msgspec

from loadtest.arrivals.schedule import Curve

_DAY_SECONDS = 86_400.0


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What comes, and what can be done. Rates are per second; `inf` is no limit.

    `peak` is the arrival rate at the curve's full intensity. `confirm_share` of the people press the link in their
    mail, on average `confirm_seconds` after it went out. The registry allows `quota` calls a day; the day ends, and the
    quota is new, `quota_resets_after_seconds` after the opening and every 24 hours from then on. `calls_per_verdict` is
    above 1 where calls fail. Of the registry's rate `ministry_share` is used; and while it is being found, in the first
    seconds with work to do, only the parts in `finding` of that, second by second.
    """

    peak: float
    door_rate: float = math.inf
    ministry_rate: float = math.inf
    worker_rate: float = math.inf
    mail_rate: float = math.inf
    text_rate: float = math.inf
    quota: float = math.inf
    quota_resets_after_seconds: float = 5 * 3_600.0
    confirm_share: float = 0.742
    confirm_seconds: float = 600.0
    calls_per_verdict: float = 1.0
    ministry_share: float = 1.0
    finding: tuple[float, ...] = ()

    def nik_rate(self, busy_seconds: float) -> float:
        """Verdicts per second, at most, when there has been work to do for so long."""
        second = int(busy_seconds)
        part = self.finding[second] if second < len(self.finding) else 1.0
        return min(self.ministry_rate * self.ministry_share * part / self.calls_per_verdict, self.worker_rate)


class Moment(msgspec.Struct, frozen=True):
    """How things stand at one moment. `decided` have a verdict on their NIK; `waiting` are registered and have none."""

    seconds: float
    arrived: float
    registered: float
    door: float
    mail: float
    text: float
    waiting: float
    decided: float
    confirmed: float
    confirmed_waiting: float

    @property
    def decided_share(self) -> float:
        """Of the registered, those with a verdict."""
        return self.decided / self.registered if self.registered else 0.0

    @property
    def confirmed_decided_share(self) -> float:
        """The same of those who have confirmed their mail."""
        return 1 - self.confirmed_waiting / self.confirmed if self.confirmed else 0.0


class _People:
    """Those who have come.

    Without a verdict are `unmailed`, `confirming` (who will press the link), `silent` (who never will) and `first` (who
    did, and go first); with one, those whose mail is not out or whose link is not pressed yet.
    """

    def __init__(self) -> None:
        self.arrived = self.registered = self.door = self.text = 0.0
        self.unmailed = self.confirming = self.silent = self.first = 0.0
        self.decided = self.decided_unmailed = self.decided_confirming = 0.0
        self.confirmed = 0.0
        self.busy_seconds = 0.0

    @property
    def waiting(self) -> float:
        return self.unmailed + self.confirming + self.silent + self.first

    @property
    def mail(self) -> float:
        return self.unmailed + self.decided_unmailed

    def step(self, came: float, allowed: float, scenario: Scenario, seconds: float) -> float:
        """Let `seconds` pass; returns how many verdicts there were."""
        self.arrived += came
        registered, self.door = _served(self.door + came, scenario.door_rate * seconds)
        self.registered += registered
        self.unmailed += registered
        _, self.text = _served(self.text + registered, scenario.text_rate * seconds)
        self._mail(scenario.mail_rate * seconds, scenario.confirm_share)
        self._confirm(1 - math.exp(-seconds / scenario.confirm_seconds) if scenario.confirm_seconds else 1.0)
        able = scenario.nik_rate(self.busy_seconds) * seconds
        # Where everybody who waits has their turn at once, only a part of the time is work.
        self.busy_seconds += seconds * (min(1.0, self.waiting / able) if able else 1.0)
        return self._decide(min(able, allowed))

    def _mail(self, able: float, confirm_share: float) -> None:
        if self.mail <= 0:
            return
        part = min(1.0, able / self.mail)
        out, decided_out = self.unmailed * part, self.decided_unmailed * part
        self.unmailed -= out
        self.confirming += out * confirm_share
        self.silent += out * (1 - confirm_share)
        self.decided_unmailed -= decided_out
        self.decided_confirming += decided_out * confirm_share

    def _confirm(self, part: float) -> None:
        now, also = self.confirming * part, self.decided_confirming * part
        self.confirming -= now
        self.first += now
        self.decided_confirming -= also
        self.confirmed += now + also

    def _decide(self, able: float) -> float:
        first = min(self.first, able)
        self.first -= first
        others = self.unmailed + self.confirming + self.silent
        part = min(1.0, (able - first) / others) if others > 0 else 0.0
        self.decided_unmailed += self.unmailed * part
        self.decided_confirming += self.confirming * part
        self.unmailed *= 1 - part
        self.confirming *= 1 - part
        self.silent *= 1 - part
        self.decided += first + others * part
        return first + others * part


def simulate(scenario: Scenario, curve: Curve, *, until_seconds: float, step_seconds: float = 5.0) -> Iterator[Moment]:
    """Moment by moment from the opening until `until_seconds`."""
    people = _People()
    left, resets_at = scenario.quota, scenario.quota_resets_after_seconds
    steps = math.ceil(until_seconds / step_seconds)
    yield _moment(people, 0.0)
    for number in range(steps):
        begin, end = number * step_seconds, min((number + 1) * step_seconds, until_seconds)
        if begin >= resets_at:
            left, resets_at = scenario.quota, resets_at + _DAY_SECONDS
        came = (curve.work(end) - curve.work(begin)) * scenario.peak
        verdicts = people.step(came, left / scenario.calls_per_verdict, scenario, end - begin)
        left -= verdicts * scenario.calls_per_verdict
        yield _moment(people, end)


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulation comes to. Times are seconds from the opening; None where it does not come to that in time."""

    at_close: Moment
    peak_waiting: float
    peak_at_seconds: float
    drained_at_seconds: float | None
    confirmed_drained_at_seconds: float | None
    peak_door_wait_seconds: float
    peak_mail: float
    peak_text: float
    busiest_day_calls: float
    busiest_second: float


def outlook(
    moments: list[Moment], scenario: Scenario, *, close_seconds: float, busiest_second: float, few: float = 1.0
) -> Outlook:
    """The figures that somebody decides by. Fewer than `few` people who wait are nobody."""
    worst = max(moments, key=lambda one: one.waiting)
    days = _by_day(moments, scenario)
    return Outlook(
        at_close=min(moments, key=lambda one: abs(one.seconds - close_seconds)),
        peak_waiting=worst.waiting,
        peak_at_seconds=worst.seconds,
        drained_at_seconds=drained(moments, lambda one: one.waiting, few=few),
        confirmed_drained_at_seconds=drained(moments, lambda one: one.confirmed_waiting, few=few),
        peak_door_wait_seconds=max(one.door for one in moments) / scenario.door_rate,
        peak_mail=max(one.mail for one in moments),
        peak_text=max(one.text for one in moments),
        busiest_day_calls=max(days) * scenario.calls_per_verdict,
        busiest_second=busiest_second,
    )


def drained(moments: Sequence[Moment], of: Callable[[Moment], float], *, few: float) -> float | None:
    """When fewer than `few` people wait, for good: between two moments as far as the line between them tells."""
    busy = [place for place, one in enumerate(moments) if of(one) >= few]
    if not busy:
        return 0.0
    if busy[-1] == len(moments) - 1:
        return None
    last, after = moments[busy[-1]], moments[busy[-1] + 1]
    part = (of(last) - few) / max(of(last) - of(after), 1e-9)
    return last.seconds + part * (after.seconds - last.seconds)


def pods_needed(busiest_second: float, pod_rate: float) -> int:
    """Front-door pods that take the busiest second without a queue."""
    return math.ceil(busiest_second / pod_rate)


def _by_day(moments: list[Moment], scenario: Scenario) -> list[float]:
    """Verdicts between one reset of the quota and the next."""
    edges, at = [0.0], scenario.quota_resets_after_seconds
    while at < moments[-1].seconds:
        edges.append(at)
        at += _DAY_SECONDS
    edges.append(moments[-1].seconds)
    decided = [min(moments, key=lambda one, edge=edge: abs(one.seconds - edge)).decided for edge in edges]  # type: ignore[misc]
    return [after - before for before, after in itertools.pairwise(decided)]


def _served(queue: float, able: float) -> tuple[float, float]:
    done = min(queue, able)
    return done, queue - done


def _moment(people: _People, seconds: float) -> Moment:
    return Moment(
        seconds,
        people.arrived,
        people.registered,
        people.door,
        people.mail,
        people.text,
        people.waiting,
        people.decided,
        people.confirmed,
        people.first,
    )
