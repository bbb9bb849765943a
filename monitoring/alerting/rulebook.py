"""Prometheus's rules, made of slo.yaml and alerts.yaml.

Each promise becomes two recorded series, `slo:bad` and `slo:total`, from which the share of bad in every window follows
(`slo:bad_ratio`), and one alert for each budget. Time can be compressed: then every window, wait and threshold in
seconds is that many times shorter, and nothing else changes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitoring.alerting.source import Alert, Budget, Promise, Promises, alerts, promises

RUNBOOKS = "https://gelombang.example/docs/runbooks"  # where docs/runbooks is published; see docs/alerts.md
DASHBOARDS = "/d"
Group = Mapping[str, Any]
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SHORTEST_WINDOW_SECONDS = 8.0  # several scrapes, also where time is compressed


class Time:
    """Spans of time, `compression` times shorter than they are written."""

    def __init__(self, compression: float = 1.0) -> None:
        self._compression = compression

    def window(self, span: str) -> str:
        """The span of a range."""
        return span if self._compression == 1 else _span(max(_SHORTEST_WINDOW_SECONDS, self._short(span)))

    def wait(self, span: str) -> str:
        """The span of a `for`."""
        return span if self._compression == 1 else _span(self._short(span))

    def seconds(self, span: str) -> float:
        """The length of a range, in seconds."""
        return _seconds(self.window(span))

    def query(self, text: str) -> str:
        """A query with its ranges and thresholds in seconds."""
        text = re.sub(r"\[([0-9]+[a-z]+)\]", lambda found: f"[{self.window(found[1])}]", text)
        return re.sub(r"SECONDS\(([0-9.]+)\)", lambda found: f"{float(found[1]) / self._compression:g}", text)

    def _short(self, span: str) -> float:
        return _seconds(span) / self._compression


def rule_files(*, compression: float = 1.0) -> Mapping[str, Sequence[Group]]:
    """The groups of each file of monitoring/rules, by its name."""
    time = Time(compression)
    found = promises()
    return {
        "slo.yaml": [
            {"name": "promises", "rules": list(_recorded(found, time))},
            {"name": "promises-broken", "rules": [rule for one in found.slos for rule in _burning(one, found, time)]},
        ],
        "alerts.yaml": [{"name": "causes", "rules": list(_causes(time))}],
    }


def alert_names() -> Sequence[str]:
    """Every alert, once."""
    rules = (rule for groups in rule_files().values() for group in groups for rule in group["rules"])
    return list(dict.fromkeys(rule["alert"] for rule in rules if "alert" in rule))


def _recorded(found: Promises, time: Time) -> Iterator[Mapping[str, Any]]:
    for one in found.slos:
        labels = {"slo": one.slo, **one.labels}
        rate = one.bad.replace("[rate]", f"[{found.rate}]")
        total = (one.total or f"({one.bad}) * 0 + 1").replace("[rate]", f"[{found.rate}]")
        yield {"record": "slo:bad", "expr": time.query(rate), "labels": labels}
        yield {"record": "slo:total", "expr": time.query(total), "labels": labels}
    for window in _windows(found):
        span = time.window(window)
        expr = f"avg_over_time(slo:bad[{span}]) / (avg_over_time(slo:total[{span}]) > 0)"
        yield {"record": "slo:bad_ratio", "expr": expr, "labels": {"window": window}}


def _windows(found: Promises) -> Sequence[str]:
    spans = {span for budget in (*found.budgets, found.event) for span in (budget.long, budget.short)}
    return sorted(spans, key=_seconds)


def _burning(one: Promise, found: Promises, time: Time) -> Iterator[Mapping[str, Any]]:
    if one.objective == 1:
        yield _rule(one.alert, f'slo:bad{{slo="{one.slo}"}} > 0', hold="", severity="page", labels={})
        return
    for budget in found.budgets:
        yield _budget(one, budget, one.objective, time)
    if one.event_objective is not None:
        yield _budget(one, found.event, one.event_objective, time)


def _budget(one: Promise, budget: Budget, objective: float, time: Time) -> Mapping[str, Any]:
    share = f"{budget.burn * (1 - objective):.6g}"
    chosen = f'slo="{one.slo}"'
    expr = (
        f'slo:bad_ratio{{{chosen},window="{budget.long}"}} > {share}'
        f' and ignoring (window) slo:bad_ratio{{{chosen},window="{budget.short}"}} > {share}'
    )
    if one.least:
        events = f"avg_over_time(slo:total{{{chosen}}}[{time.window(budget.long)}]) * {time.seconds(budget.long):g}"
        expr += f" and ignoring (window) {events} > {one.least:g}"
    return _rule(one.alert, expr, hold="", severity=budget.severity, labels={**one.labels, "window": budget.long})


def _causes(time: Time) -> Iterator[Mapping[str, Any]]:
    found = alerts()
    steps = _steps(found.alerts)
    for one in found.alerts:
        rule = dict(
            _rule(
                one,
                time.query(one.expr),
                hold=time.wait(one.hold) if one.hold else "",
                severity=one.severity,
                labels=one.labels,
            )
        )
        if one.alert in steps:
            minutes = (_seconds(found.keep) + steps[one.alert] * _seconds(found.keep_step)) / 60
            rule["keep_firing_for"] = time.wait(f"{minutes:g}m")
        yield rule


def _steps(found: Sequence[Alert]) -> Mapping[str, int]:
    """Of each cause, how many causes there are in the longest line of those that it explains, one by the other."""
    explained: dict[str, set[str]] = {}
    for one in found:
        if one.explains or one.late:
            explained.setdefault(one.alert, set()).update(one.explains, one.also)

    def steps(name: str) -> int:
        return max((1 + steps(other) for other in explained[name] if other in explained), default=0)

    return {name: steps(name) for name in explained}


def _rule(one: Any, expr: str, *, hold: str, severity: str, labels: Mapping[str, str]) -> Mapping[str, Any]:  # noqa: ANN401 - an Alert or a promise's Text
    return {
        "alert": one.alert,
        "expr": expr,
        **({"for": hold} if hold else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {
            "summary": one.summary,
            "impact": one.impact,
            "runbook_url": f"{RUNBOOKS}/{one.alert}.md",
            "dashboard": f"{DASHBOARDS}/{one.dashboard}",
        },
    }


def causes() -> Sequence[Alert]:
    """The alerts of alerts.yaml."""
    return alerts().alerts


def _seconds(span: str) -> float:
    number, unit = re.fullmatch(r"([0-9]+)([a-z]+)", span).groups()  # type: ignore[union-attr]  # a test reads them all
    return float(number) * _UNITS[unit]


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds * 1_000))}ms"
