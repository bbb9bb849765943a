"""One cause is told once, and every alert has what on-call needs; the rules and the routes are valid."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.alerting import rulebook
from monitoring.alerting.routing import configuration
from monitoring.alerting.source import alerts
from tests.faults import FAULTS
from tests.known_metrics import unknown_in
from tests.promtool import needs_promtool

ROOT = Path(__file__).resolve().parents[2]


def told(firing: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """What is left after the inhibitions."""

    def matches(alert: tuple[str, str, str], matchers: Sequence[str]) -> bool:
        labels = dict(zip(("alertname", "severity", "kind"), alert, strict=True))
        for matcher in matchers:
            name, operator, value = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
            if not (re.fullmatch(value, labels[name]) if operator == "=~" else labels[name] == value):
                return False
        return True

    def is_needless(alert: tuple[str, str, str]) -> bool:
        for rule in configuration()["inhibit_rules"]:
            equal = [("alertname", "severity", "kind").index(name) for name in rule.get("equal", ())]
            for source in firing - {alert}:
                same = all(source[index] == alert[index] for index in equal)
                if same and matches(alert, rule["target_matchers"]) and matches(source, rule["source_matchers"]):
                    return True
        return False

    return {alert for alert in firing if not is_needless(alert)}


@pytest.mark.parametrize("name", FAULTS)
def test_one_cause_is_told_once(name: str) -> None:
    """What a cause explains is held back by it."""
    _, expected, explained = FAULTS[name]
    assert told(expected | explained) == expected


def test_a_cause_lasts_longer_than_all_that_it_explains() -> None:
    """Also where what it explains is a cause itself, which lasts on too, and looks back over two minutes besides."""
    groups = rulebook.rule_files()["alerts.yaml"]
    rules = {(rule["alert"], rule["labels"].get("kind")): rule for group in groups for rule in group["rules"]}

    def lasts(rule: Mapping[str, Any]) -> int:
        minutes, unit = rule["keep_firing_for"][:-1], rule["keep_firing_for"][-1]
        assert unit == "m"
        return int(minutes)

    seen = 0
    for cause in alerts().alerts:
        for (name, kind), rule in rules.items():
            if name in (*cause.explains, *cause.also) and "keep_firing_for" in rule:
                seen += 1
                told_of = rules[cause.alert, cause.labels.get("kind")]
                assert lasts(told_of) > lasts(rule) + 2, (cause.alert, name, kind)
    assert seen > 10


# What every alert must have


def test_every_alert_has_a_runbook_a_summary_and_a_test() -> None:
    """On-call is never left with a name alone, and no alert is there that was never seen to fire."""
    shown = {alert for _, expected, explained in FAULTS.values() for alert, _, _ in expected | explained}
    for alert in rulebook.alert_names():
        assert (ROOT / "docs" / "runbooks" / f"{alert}.md").exists(), alert
        assert alert in shown | {"Watchdog", "ProofStale"}, alert
    for groups in rulebook.rule_files().values():
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            assert set(rule["annotations"]) == {"summary", "impact", "runbook_url", "dashboard"}
            assert rule["labels"]["severity"] in {"page", "ticket", "none"}
            assert len(rule["annotations"]["summary"]) > 10


HEADINGS = ["What it means", "Who is hurt", "Confirm", "Mitigate", "Escalate", "Verify"]


def test_every_runbook_has_the_same_headings_and_an_alert() -> None:
    """Who reads one at night knows where to look in the next; none is left over."""
    pages = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
    assert {page.stem for page in pages} - {"README"} == set(rulebook.alert_names())
    for page_ in pages:
        text = page_.read_text(encoding="utf-8")
        if page_.stem != "README":
            assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, page_
            assert text.startswith(f"# {page_.stem}\n")


def test_no_rule_asks_for_a_metric_or_label_that_nobody_shows() -> None:
    """A typing slip in a rule is an alert that never fires."""
    for groups in rulebook.rule_files().values():
        for rule in (rule for group in groups for rule in group["rules"]):
            assert unknown_in(rule["expr"]) == []


@needs_promtool
@pytest.mark.parametrize("compression", [1, 12])
def test_the_rules_are_valid_also_where_time_is_compressed(tmp_path: Path, compression: float) -> None:
    """Promtool takes both."""
    files = []
    for name, groups in rulebook.rule_files(compression=compression).items():
        files.append(tmp_path / name)
        files[-1].write_text(yaml.safe_dump({"groups": groups}))
    done = subprocess.run(  # noqa: S603 - our own files
        ["promtool", "check", "rules", *map(str, files)],  # noqa: S607 - found on PATH
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "FAILED" in done.stdout) == (0, False), done.stdout + done.stderr


# Alertmanager

needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


@needs_amtool
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=DoorDown severity=page", "pages"),
        ("alertname=WorkersDown severity=page kind=nik", "pages"),
        ("alertname=DeadLetters severity=ticket kind=nik", "tickets"),
        ("alertname=Watchdog severity=none", "watchdog"),
        ("alertname=Whatever", "tickets"),
    ],
)
def test_alerts_reach_whom_they_should(labels: str, receiver: str) -> None:
    """Pages wake somebody, tickets wait for the morning, the dead man's switch goes to whoever listens for it."""
    line = ["amtool", "config", "routes", "test", f"--config.file={ROOT / 'monitoring' / 'alertmanager.yaml'}"]
    done = subprocess.run([*line, *labels.split()], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.strip() == receiver, done.stderr
