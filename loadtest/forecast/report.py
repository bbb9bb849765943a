"""A forecast's cases side by side: what was assumed, what comes of it, what it takes."""

from collections.abc import Iterator, Sequence

import msgspec

from loadtest.arrivals.schedule import Curve
from loadtest.forecast.model import Moment, Outlook, Scenario, outlook, pods_needed, simulate

_HOUR = 3_600.0
_KEPT_MOMENTS = 600


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario and its outlook. `ministry_rate_needed` is what would give everybody a verdict by the close."""

    name: str
    scenario: Scenario
    outlook: Outlook
    moments: tuple[Moment, ...]
    pods: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole forecast."""

    title: str
    close_seconds: float
    people: float
    ministry_rate_needed: float
    quota_needed: float
    pod_rate: float | None
    sources: tuple[str, ...]
    cases: tuple[Case, ...]

    def to_json(self) -> bytes:
        """For programs."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def forecast(
    title: str,
    curve: Curve,
    scenarios: Sequence[tuple[str, Scenario]],
    *,
    pod_rate: float | None,
    sources: Sequence[str],
) -> Report:
    """Simulate every scenario until three times the curve's length, and see what would be needed."""
    close = curve.end_seconds
    cases = tuple(_case(name, scenario, curve, pod_rate=pod_rate) for name, scenario in scenarios)
    plain = msgspec.structs.replace(scenarios[0][1], quota=float("inf"), worker_rate=float("inf"))
    return Report(
        title=title,
        close_seconds=close,
        people=curve.total * scenarios[0][1].peak,
        ministry_rate_needed=_rate_needed(plain, curve),
        quota_needed=_quota_needed(plain, curve),
        pod_rate=pod_rate,
        sources=tuple(sources),
        cases=cases,
    )


def lines(report: Report) -> Iterator[str]:
    """For the screen."""
    yield f"{report.title}: {report.people:,.0f} people in {report.close_seconds / _HOUR:,.1f} h"
    for case in report.cases:
        found, close = case.outlook, case.outlook.at_close
        yield f"{case.name}:"
        yield (
            f"  at the close {close.decided_share:.1%} have a verdict,"
            f" {close.confirmed_decided_share:.1%} of those who confirmed their mail; {close.waiting:,.0f} wait"
        )
        yield (
            f"  most wait {_hours(found.peak_at_seconds)} after the opening: {found.peak_waiting:,.0f};"
            f" nobody waits after {_hours(found.drained_at_seconds)}"
        )
        yield f"  busiest day: {found.busiest_day_calls:,.0f} calls to the registry"
        if found.peak_door_wait_seconds > 1:
            yield f"  at the door people would wait up to {found.peak_door_wait_seconds:,.0f} s"
        if case.pods is not None:
            yield f"  front-door pods for the busiest second ({found.busiest_second:,.0f}/s): {case.pods}"
    yield (
        f"for everybody to have a verdict by the close: a registry of {report.ministry_rate_needed:,.1f}/s"
        f" and a quota of {report.quota_needed:,.0f} calls a day"
    )
    for source in report.sources:
        yield f"({source})"


def _case(name: str, scenario: Scenario, curve: Curve, *, pod_rate: float | None) -> Case:
    moments = list(simulate(scenario, curve, until_seconds=3 * curve.end_seconds, step_seconds=_step(curve)))
    busiest = curve.most * scenario.peak
    found = outlook(moments, scenario, close_seconds=curve.end_seconds, busiest_second=busiest)
    last = found.drained_at_seconds or moments[-1].seconds
    shown = [one for one in moments if one.seconds <= max(last, curve.end_seconds)]
    return Case(
        name=name,
        scenario=scenario,
        outlook=found,
        moments=tuple(shown[:: max(1, len(shown) // _KEPT_MOMENTS)]),
        pods=None if pod_rate is None else pods_needed(busiest, pod_rate),
    )


def _rate_needed(scenario: Scenario, curve: Curve) -> float:
    """The slowest registry that gives 99 % a verdict by the close, to half a percent; by halving."""
    low, high = 0.0, curve.most * scenario.peak * scenario.calls_per_verdict
    for _ in range(12):
        middle = (low + high) / 2
        *_, last = simulate(
            msgspec.structs.replace(scenario, ministry_rate=middle),
            curve,
            until_seconds=curve.end_seconds,
            step_seconds=4 * _step(curve),
        )
        low, high = (low, middle) if last.decided_share >= 0.99 else (middle, high)  # noqa: PLR2004 - nearly everybody
    return high


def _quota_needed(scenario: Scenario, curve: Curve) -> float:
    """Calls on the busiest day when nothing else holds verdicts up."""
    free = msgspec.structs.replace(scenario, ministry_rate=float("inf"))
    moments = list(simulate(free, curve, until_seconds=curve.end_seconds, step_seconds=_step(curve)))
    return outlook(moments, free, close_seconds=curve.end_seconds, busiest_second=0.0).busiest_day_calls


def _step(curve: Curve) -> float:
    """Five seconds of a day, and as much less of a shorter curve."""
    return curve.end_seconds / 15_000


def _hours(seconds: float | None) -> str:
    return "a time beyond this forecast" if seconds is None else f"{seconds / _HOUR:,.1f} h"
