"""slo.yaml and alerts.yaml as they are written, read once and strictly: an unknown field is an error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

_FOLDER = Path(__file__).parent


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Alert(_Strict, frozen=True, kw_only=True):
    """One alert.

    `explains` are alerts of the same `kind` that it makes needless, `also` those of any; `late` is the kind whose
    lateness it explains.
    """

    alert: str
    expr: str
    severity: str
    summary: str
    impact: str
    dashboard: str
    hold: str = msgspec.field(name="for", default="")
    each: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    explains: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    late: str | None = None


class Text(_Strict, frozen=True, kw_only=True):
    """What an alert on a promise says."""

    alert: str
    summary: str
    impact: str
    dashboard: str


class Budget(_Strict, frozen=True, kw_only=True):
    """Told when both windows burn faster than `burn`."""

    severity: str
    long: str
    short: str
    burn: float


class Promise(_Strict, frozen=True, kw_only=True):
    """One SLO."""

    slo: str
    promise: str
    objective: float
    bad: str
    alert: Text
    total: str | None = None
    event_objective: float | None = None
    least: float = 0
    labels: Mapping[str, str] = {}


class Promises(_Strict, frozen=True, kw_only=True):
    """slo.yaml."""

    rate: str
    budgets: tuple[Budget, ...]
    event: Budget
    slos: tuple[Promise, ...]


class Alerts(_Strict, frozen=True, kw_only=True):
    """alerts.yaml."""

    keep: str
    keep_step: str
    alerts: tuple[Alert, ...]


def promises() -> Promises:
    """slo.yaml."""
    return msgspec.convert(_load("slo.yaml"), Promises)


def alerts() -> Alerts:
    """alerts.yaml, one alert for each value of `each`."""
    found = msgspec.convert(_load("alerts.yaml"), Alerts)
    return Alerts(
        keep=found.keep, keep_step=found.keep_step, alerts=tuple(one for alert in found.alerts for one in _each(alert))
    )


def _each(alert: Alert) -> Sequence[Alert]:
    text = msgspec.json.encode(msgspec.structs.replace(alert, each=())).decode()
    return [msgspec.json.decode(text.replace("$each", value), type=Alert) for value in alert.each] or [alert]


def _load(name: str) -> Any:  # noqa: ANN401 - any YAML
    return yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
