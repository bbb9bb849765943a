"""Alertmanager's configuration: who is told, and which alert makes another needless.

One cause pages once. What an alert explains is written beside it in alerts.yaml (`explains`, `also`, `late`); here each
becomes an inhibition.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitoring.alerting.rulebook import Time
from monitoring.alerting.source import Alert, alerts


def configuration(*, compression: float = 1.0, notify: str | None = None) -> Mapping[str, Any]:
    """The configuration; with `notify`, an address that pages and tickets are posted to."""
    time = Time(compression)
    # Long enough for the cause of what is told to be known as well; how fast that is seen is not compressed.
    wait = "30s" if compression == 1 else "10s"
    hooks = {"webhook_configs": [{"url": notify, "send_resolved": True}]} if notify else {}
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname", "kind"],
            "group_wait": wait,
            "group_interval": time.wait("5m"),
            "repeat_interval": "12h",
            "routes": [
                {"receiver": "watchdog", "matchers": ['alertname="Watchdog"'], "repeat_interval": time.wait("5m")},
                {"receiver": "pages", "matchers": ['severity="page"'], "repeat_interval": "1h"},
            ],
        },
        "inhibit_rules": list(_inhibitions()),
        # Where pages, tickets and the dead man's switch go is the place's own; see docs/alerts.md.
        "receivers": [{"name": "pages", **hooks}, {"name": "tickets", **hooks}, {"name": "watchdog"}],
    }


def _inhibitions() -> Iterator[Mapping[str, Any]]:
    yield _inhibition('severity="page"', ['severity="ticket"'], equal=["alertname", "kind"])
    seen: list[Alert] = []
    for one in alerts().alerts:
        if one.alert not in [other.alert for other in seen]:
            seen.append(one)
            source = f'alertname="{one.alert}"'
            if one.explains:
                of_its_kind = ["kind"] if "kind" in one.labels or one.alert == "KindPaused" else []
                yield _inhibition(source, [_any(one.explains)], equal=of_its_kind)
            if one.also:
                yield _inhibition(source, [_any(one.also)], equal=[])
            if one.late:
                yield _inhibition(source, ['alertname="VerificationLate"', f'kind="{one.late}"'], equal=[])


def _any(names: Sequence[str]) -> str:
    return f'alertname=~"{"|".join(names)}"'


def _inhibition(source: str, target: Sequence[str], *, equal: Sequence[str]) -> Mapping[str, Any]:
    return {
        "source_matchers": [source],
        "target_matchers": list(target),
        **({"equal": list(equal)} if equal else {}),
    }
