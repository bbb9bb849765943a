"""Every alert fires for its fault and for nothing else: the real rules in the real promtool over made-up histories."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults import FAULTS, STEP
from tests.made_history import sound
from tests.promtool import names, needs_promtool, run_promtool

LOOK_AT = 1_320


def expect(firing: set[tuple[str, str, str]], at: int) -> Mapping[str, Any]:
    """A promtool test that exactly these fire."""
    samples = []
    for alert, severity, kind in sorted(firing):
        labels = f'alertname="{alert}", severity="{severity}"' + (f', kind="{kind}"' if kind else "")
        samples.append({"labels": f"{{{labels}}}", "value": 1})
    return {
        "expr": 'count by (alertname, severity, kind) (ALERTS{alertstate="firing",alertname!="Watchdog"}) > bool 0',
        "eval_time": f"{at}s",
        "exp_samples": samples,
    }


@needs_promtool
def test_every_fault_fires_what_is_predicted_and_nothing_else(tmp_path: Path) -> None:
    """Exactly so: an alert that fires for somebody else's fault fails here as much as one that does not fire."""
    wanted = names()
    tests = []
    for name, (change, told, explained) in FAULTS.items():
        history = sound(step=STEP, seconds=LOOK_AT)
        change(history)
        tests.append(
            {
                "interval": f"{STEP}s",
                "name": name,
                "input_series": list(history.promtool(wanted)),
                "promql_expr_test": [expect(told | explained, LOOK_AT)],
            }
        )
    assert run_promtool(tmp_path, tests, every_seconds=STEP) == ""


SLOW_STEP = 240  # below the five minutes after which Prometheus takes a sample for gone: groups run in any order


@needs_promtool
def test_slow_burns_become_tickets(tmp_path: Path) -> None:
    """A promise that is broken a little for days is no page, and is not forgotten."""
    wanted = names()
    days = 4 * 86_400
    history = sound(step=SLOW_STEP, seconds=days)
    recorded = [
        {"series": 'slo:bad{slo="door_availability"}', "values": f"0.1+0x{history.count}"},
        {"series": 'slo:total{slo="door_availability"}', "values": f"20+0x{history.count}"},
    ]
    series = [one for one in history.promtool(wanted) if "gelombang_http_requests_total" not in one["series"]]
    tests = [
        {
            "interval": f"{SLOW_STEP}s",
            "input_series": [*series, *recorded],
            "promql_expr_test": [
                {
                    "expr": 'max by (alertname, severity) (ALERTS{alertname="DoorFailing",alertstate="firing"})',
                    "eval_time": f"{days}s",
                    "exp_samples": [{"labels": '{alertname="DoorFailing", severity="ticket"}', "value": 1}],
                }
            ],
        }
    ]
    assert run_promtool(tmp_path, tests, every_seconds=SLOW_STEP, files="slo.yaml") == ""


@needs_promtool
def test_messages_that_keep_failing_become_a_ticket(tmp_path: Path) -> None:
    """After an hour in which nothing else went out either; it wakes nobody."""
    where = 'job="gelombang",instance="worker-waves",channel="phone"'
    firing = 'count by (severity) (ALERTS{alertname="AnnouncementStuck",alertstate="firing"})'
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {"series": f'gelombang_announcements_waiting{{{where},state="overdue"}}', "values": "2+0x120"},
                {"series": f'gelombang_announcements_total{{{where},result="sent"}}', "values": "0+90x10 900+0x110"},
            ],
            "promql_expr_test": [
                {"expr": firing, "eval_time": "65m", "exp_samples": []},
                {"expr": firing, "eval_time": "80m", "exp_samples": [{"labels": '{severity="ticket"}', "value": 1}]},
            ],
        }
    ]
    assert run_promtool(tmp_path, tests, every_seconds=60, files="alerts.yaml") == ""


@needs_promtool
def test_a_proof_grows_stale_after_two_weeks(tmp_path: Path) -> None:
    """Not before, and then it is told."""
    quarters = 16 * 4
    tests = [
        {
            "interval": "6h",
            "input_series": [{"series": 'gelombang_proven_at_seconds{job="gelombang"}', "values": f"1+0x{quarters}"}],
            "promql_expr_test": [
                {
                    "expr": 'count(ALERTS{alertname="ProofStale",alertstate="firing"})',
                    "eval_time": "13d",
                    "exp_samples": [],
                },
                {
                    "expr": 'count(ALERTS{alertname="ProofStale",alertstate="firing"})',
                    "eval_time": "15d",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                },
            ],
        }
    ]
    assert run_promtool(tmp_path, tests, every_seconds=6 * 3_600) == ""
