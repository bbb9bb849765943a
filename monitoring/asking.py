"""Asks a Prometheus what the panels of a dashboard ask, as Grafana would. Standard library; read-only."""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

_SECONDS = 30
Points = Sequence[tuple[float, float]]


class Series(msgspec.Struct, frozen=True):
    """One line: its name in the legend, and its points (time, value)."""

    name: str
    points: Points


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when, in seconds since 1970, and how far apart. `rate` is what $__rate_interval stands for."""

    start: float
    end: float
    step: float
    rate: str = "1m"


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The panels of a dashboard's JSON."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def answer(url: str, panel: Mapping[str, Any], window: Window) -> Sequence[Series]:
    """All lines of a panel; those without any number are left out. Raises OSError and ValueError."""
    found: list[Series] = []
    for target in panel["targets"]:
        for one in _range(url, expanded(target["expr"], window), window):
            points = [(float(at), float(value)) for at, value in one["values"]]
            if any(math.isfinite(value) for _, value in points):
                found.append(Series(_named(target["legendFormat"], one["metric"]), points))
    return found


def expanded(query: str, window: Window) -> str:
    """The query with Grafana's variables put in."""
    return query.replace("$__rate_interval", window.rate).replace("$instance", ".*")


def _range(url: str, query: str, window: Window) -> Sequence[Mapping[str, Any]]:
    asked = urllib.parse.urlencode(
        {"query": query, "start": window.start, "end": window.end, "step": window.step},
    )
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{asked}", timeout=_SECONDS) as answered:  # noqa: S310 - the caller's Prometheus
        result: Sequence[Mapping[str, Any]] = json.load(answered)["data"]["result"]
    return result


def _named(legend: str, labels: Mapping[str, str]) -> str:
    for label, value in labels.items():
        legend = legend.replace("{{" + label + "}}", value)
    return " ".join(part for part in legend.split() if not part.startswith("{{")) or "value"
