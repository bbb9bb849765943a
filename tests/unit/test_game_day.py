"""The game day predicts alerts that exist, and judges a fault strictly."""

import msgspec
import pytest

from loadtest.gameday.faults import FAULTS
from loadtest.gameday.pager import Pager, Told, told
from loadtest.gameday.report import Outcome, Report
from monitoring.alerting.rulebook import rule_files

GOOD = Outcome(
    fault="valkey-down",
    does="Valkey hangs",
    expected=Told("ValkeyDown", "page"),
    told_seconds=12.0,
    cleared_seconds=30.0,
    others=(),
)


def report(*outcomes: Outcome, quiet_told: tuple[Told, ...] = ()) -> Report:
    """A game day of these."""
    return Report(
        command="gelombang game-day",
        compression=15,
        rate=8,
        quiet_seconds=30,
        quiet_told=quiet_told,
        outcomes=outcomes,
        left_out=(),
    )


def test_every_fault_predicts_an_alert_that_there_is() -> None:
    """At least twelve parts are broken, and what is predicted can fire, with that severity and kind."""
    rules = [rule for groups in rule_files().values() for group in groups for rule in group["rules"] if "alert" in rule]
    there = {(rule["alert"], rule["labels"]["severity"]) for rule in rules}
    kinds = {(rule["alert"], rule["labels"]["kind"]) for rule in rules if "kind" in rule["labels"]}
    assert len(FAULTS) >= 12
    for fault in FAULTS.values():
        assert (fault.expects.alert, fault.expects.severity) in there
        assert not fault.expects.kind or (fault.expects.alert, fault.expects.kind) in kinds or "by (kind)" in str(rules)


@pytest.mark.parametrize(
    "change",
    [
        {"told_seconds": None},
        {"cleared_seconds": None},
        {"others": (Told("DoorFailing", "page"),)},
        {"others": (Told("ProcessDown", "ticket"),)},
    ],
)
def test_a_fault_is_as_predicted_only_when_told_cleared_and_alone(change: dict[str, object]) -> None:
    """An alert that came with another page besides is a failure like one that did not come."""
    assert report(GOOD).exit_code == 0
    assert report(GOOD, msgspec.structs.replace(GOOD, **change)).exit_code == 1


def test_a_page_in_the_quiet_time_is_a_failure() -> None:
    """Nobody is woken for nothing."""
    assert report(GOOD, quiet_told=(Told("Bugs", "ticket"),)).exit_code == 1


def test_the_pager_hears_what_fires_and_leaves_out_budgets_of_days() -> None:
    """A ticket on a promise's budget lasts for days after a fault: it is no second page."""
    pager = Pager("http://127.0.0.1:1/")
    firing = {"status": "firing"}
    labels = [
        {"alertname": "DoorDown", "severity": "page"},
        {"alertname": "DoorFailing", "severity": "ticket", "window": "3d"},
        {"alertname": "DoorFailing", "severity": "page", "window": "1h"},
    ]
    resolved = {"status": "resolved", "labels": {"alertname": "DoorOverloaded", "severity": "page"}}
    pager.take({"alerts": [*({**firing, "labels": one} for one in labels), resolved]})
    assert [one for _, one in pager.since(0.0)] == [told(labels[0]), told(labels[2])]
