"""Every alert fires for its fault and for nothing else; one cause pages once; healthy days and waves page nobody.

Real rules in the real promtool over made-up histories; where it is not installed, these tests are skipped.
"""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.alerting import rulebook
from monitoring.alerting.routing import configuration
from tests.known_metrics import unknown_in
from tests.made_history import ALL, DOORS, POST, WORKERS, History, sound

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "monitoring" / "rules"
STEP, FAULT_AT, LOOK_AT = 30, 300, 1_320
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

Firing = frozenset[tuple[str, str, str]]  # alert, severity, kind
Change = Callable[[History], None]


def gone(*processes: str) -> Change:
    """These processes do not answer their scrapes."""

    def change(history: History) -> None:
        for name, labels in list(history.series):
            if dict(labels).get("instance") in processes and name != "up":
                history.drop(name, dict(labels), since=FAULT_AT)
        for process in processes:
            history.put("up", {"instance": process}, 0, since=FAULT_AT)

    return change


def unwatched(*processes: str) -> Change:
    """Prometheus is not told of these processes any more."""

    def change(history: History) -> None:
        for name, labels in list(history.series):
            if dict(labels).get("instance") in processes:
                history.drop(name, dict(labels), since=FAULT_AT)

    return change


def put(name: str, value: float, **labels: str) -> Change:
    """Everything of this name that has these labels has another value."""
    return lambda history: history.put(name, labels, value, since=FAULT_AT)


def absent(name: str, **labels: str) -> Change:
    """Nobody says it any more."""
    return lambda history: history.drop(name, labels, since=FAULT_AT)


def more(name: str, rate: float, **labels: str) -> Change:
    """This counter grows so fast since the fault, instead of as it did."""

    def change(history: History) -> None:
        for found, values in list(history.series.items()):
            if found[0] == name and set(labels.items()) <= set(found[1]):
                base = values[FAULT_AT // STEP] or 0.0
                history.series[found] = [
                    value if index * STEP <= FAULT_AT else base + rate * (index * STEP - FAULT_AT)
                    for index, value in enumerate(values)
                ]

    return change


def new(name: str, value: float, **labels: str) -> Change:
    """A series that was not there before."""

    def change(history: History) -> None:
        history.gauge(name, value, job="gelombang", **labels)
        history.drop(name, labels, until=FAULT_AT)

    return change


def all_of(*changes: Change) -> Change:
    """One after another."""

    def change(history: History) -> None:
        for one in changes:
            one(history)

    return change


def failing(kind: str) -> Change:
    """Every try of a kind fails and is put off."""
    return all_of(
        more("gelombang_attempts_total", 0, kind=kind, result="answered"),
        more("gelombang_attempts_total", 3, kind=kind, result="retryable"),
        more("gelombang_delays_total", 3, kind=kind),
    )


def slow(name: str, seconds: float, rate: float, **labels: str) -> Change:
    """A histogram in which everything takes so long."""

    def change(history: History) -> None:
        bounds = {dict(labels_)["le"] for name_, labels_ in history.series if name_ == f"{name}_bucket"}
        for bound in bounds:
            more(f"{name}_bucket", 0 if float(bound) < seconds else rate, le=bound, **labels)(history)

    return change


def page(alert: str, kind: str = "") -> tuple[str, str, str]:
    """Fires as a page."""
    return alert, "page", kind


def ticket(alert: str, kind: str = "") -> tuple[str, str, str]:
    """Fires as a ticket."""
    return alert, "ticket", kind


LATE = {kind: put("gelombang_oldest_due_seconds", 1_000, kind=kind) for kind in ("nik", "email", "phone")}
# A fault, what on-call is told, and what else fires but is explained by that.
FAULTS: Mapping[str, tuple[Change, set[tuple[str, str, str]], set[tuple[str, str, str]]]] = {
    "errors": (
        all_of(
            more("gelombang_http_requests_total", 2, route=POST, status="503"),
        ),
        {page("DoorFailing")},
        {ticket("DoorFailing")},
    ),
    "slow receipts": (
        slow("gelombang_http_request_seconds", 0.5, 2.5, route=POST),
        {page("AcceptingSlowly")},
        {ticket("AcceptingSlowly")},
    ),
    "nik late": (LATE["nik"], {page("VerificationLate", "nik")}, {ticket("VerificationLate", "nik")}),
    "email late": (LATE["email"], {page("VerificationLate", "email")}, {ticket("VerificationLate", "email")}),
    "phone late": (LATE["phone"], {page("VerificationLate", "phone")}, {ticket("VerificationLate", "phone")}),
    "mail deferred": (
        all_of(
            more("gelombang_attempts_total", 1.6, kind="email", result="answered"),
            more("gelombang_attempts_total", 1.4, kind="email", result="retryable"),
        ),
        {page("MailNotHandedOff", "email")},
        {ticket("MailNotHandedOff", "email")},
    ),
    "ledger": (put("gelombang_ledger_discrepancies", 1), {page("LedgerBroken")}, set()),
    "doors dead": (gone(*DOORS), {page("DoorDown")}, {ticket("ProcessDown")}),
    "one door dead": (gone("ingest-1"), {ticket("ProcessDown")}, set()),
    "door overloaded": (
        all_of(
            more("gelombang_refused_total", 1, queue="commit"),
            more("gelombang_http_requests_total", 1, route=POST, status="503"),
        ),
        {page("DoorOverloaded")},
        {page("DoorFailing"), ticket("DoorFailing")},
    ),
    "nik workers dead": (
        all_of(gone("worker-nik-1", "worker-nik-2")),
        {page("WorkersDown", "nik")},
        {ticket("ProcessDown"), page("NumbersMissing", "nik")},
    ),
    "email workers dead": (
        all_of(gone("worker-email-1", "worker-email-2")),
        {page("WorkersDown", "email")},
        {ticket("ProcessDown"), page("NumbersMissing", "email"), ticket("BooksMissing")},
    ),
    "phone workers dead": (
        gone("worker-phone-1", "worker-phone-2"),
        {page("WorkersDown", "phone")},
        {ticket("ProcessDown"), page("NumbersMissing", "phone")},
    ),
    "waves worker dead": (gone("worker-waves"), {page("WorkersDown", "waves")}, {ticket("ProcessDown")}),
    "paused": (
        all_of(put("gelombang_paused", 1, kind="email"), LATE["email"]),
        {ticket("KindPaused", "email")},
        {page("VerificationLate", "email"), ticket("VerificationLate", "email")},
    ),
    "dead letters": (put("gelombang_set_aside", 2, kind="phone"), {ticket("DeadLetters", "phone")}, set()),
    "bugs": (more("gelombang_bugs_total", 0.01, instance="worker-nik-1"), {ticket("Bugs")}, set()),
    "stream mended": (
        more("gelombang_stream_mended_total", 0.01, stream="verify:nik"),
        {ticket("StreamMended")},
        set(),
    ),
    "postgresql down": (
        all_of(
            put("gelombang_dependency_up", 0, dependency="postgresql"),
            more("gelombang_http_requests_total", 3, route=POST, status="503"),
            *(absent(name) for name in ("gelombang_backlog", "gelombang_oldest_due_seconds", "gelombang_set_aside")),
            absent("gelombang_ledger_discrepancies"),
        ),
        {page("PostgreSQLDown")},
        {
            page("DoorFailing"),
            ticket("DoorFailing"),
            ticket("BooksMissing"),
            *(page("NumbersMissing", kind) for kind in ("nik", "email", "phone")),
        },
    ),
    "postgresql slow": (
        all_of(
            put("gelombang_dependency_seconds", 0.8, dependency="postgresql"),
            more("gelombang_refused_total", 1, queue="commit"),
            more("gelombang_http_requests_total", 1, route=POST, status="503"),
            LATE["phone"],
        ),
        {page("PostgreSQLSlow")},
        {
            page("DoorOverloaded"),
            page("DoorFailing"),
            ticket("DoorFailing"),
            page("VerificationLate", "phone"),
            ticket("VerificationLate", "phone"),
        },
    ),
    "valkey down": (
        all_of(
            put("gelombang_dependency_up", 0, dependency="valkey"),
            *(absent(name) for name in ("gelombang_backlog", "gelombang_oldest_due_seconds", "gelombang_set_aside")),
            absent("gelombang_ledger_discrepancies"),
        ),
        {page("ValkeyDown")},
        {ticket("BooksMissing"), *(page("NumbersMissing", kind) for kind in ("nik", "email", "phone"))},
    ),
    "registry down": (
        all_of(new("gelombang_ministry_stopped", 1, cause="ministry_error", instance="worker-nik-1"), LATE["nik"]),
        {page("RegistryDown")},
        {page("VerificationLate", "nik"), ticket("VerificationLate", "nik")},
    ),
    "quota out": (
        all_of(new("gelombang_ministry_stopped", 1, cause="ministry_quota", instance="worker-nik-1"), LATE["nik"]),
        {page("RegistryQuotaOut")},
        {page("VerificationLate", "nik"), ticket("VerificationLate", "nik")},
    ),
    "login refused": (
        all_of(
            more("gelombang_delays_total", 1, kind="nik"),
            lambda history: history.counter(
                "gelombang_delays_total",
                lambda t: 1.0 if t > FAULT_AT else 0.0,
                kind="nik",
                cause="ministry_login",
                job="gelombang",
                instance="worker-nik-1",
            ),
        ),
        {page("RegistryRefusesUs")},
        set(),
    ),
    "registry slow": (
        slow("gelombang_attempt_seconds", 2.5, 2.5, kind="nik"),
        {ticket("RegistrySlow")},
        set(),
    ),
    "mail down": (
        failing("email"),
        {page("MailDown")},
        {page("MailNotHandedOff", "email"), ticket("MailNotHandedOff", "email")},
    ),
    "sms down": (failing("phone"), {page("SmsDown")}, set()),
    "disk": (put("gelombang_disk_free_bytes", 9e9), {page("DiskNearlyFull")}, set()),
    "sessions": (put("gelombang_database_sessions", 95), {ticket("SessionsNearlyUsedUp")}, set()),
    "near the proven rate": (put("gelombang_proven_rate", 6), {ticket("NearProvenRate")}, set()),
    "stale proof": (put("gelombang_proven_at_seconds", -1e6), set(), set()),  # none at all is no stale one
    "nobody counts": (absent("gelombang_backlog", kind="phone"), {page("NumbersMissing", "phone")}, set()),
    "nobody looks at the books": (absent("gelombang_ledger_discrepancies"), {ticket("BooksMissing")}, set()),
    "doors not scraped": (unwatched(*DOORS), {page("NotWatched", "door")}, set()),
    "nothing scraped": (
        unwatched(*ALL),
        {page("NotWatched", kind) for kind in ("door", "nik", "email", "phone", "waves")},
        {ticket("BooksMissing"), *(page("NumbersMissing", kind) for kind in ("nik", "email", "phone"))},
    ),
    "one worker dead": (gone(WORKERS[1]), {ticket("ProcessDown")}, set()),
    "nothing": (lambda _history: None, set(), set()),
}


def names() -> frozenset[str]:
    """Every metric that a rule asks for."""
    return frozenset(
        re.findall(r"\b(?:gelombang_\w+|up)\b", "".join(path.read_text() for path in RULES.glob("*.yaml")))
    )


def run_promtool(tmp_path: Path, tests: Sequence[Mapping[str, Any]], *, every: str = f"{STEP}s") -> str:
    """What promtool says of these tests; nothing when all are as expected."""
    file = tmp_path / "tests.yaml"
    rules = [str(path) for path in sorted(RULES.glob("*.yaml"))]
    # JSON is YAML, and written many times faster.
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": every, "tests": list(tests)}))
    done = subprocess.run(  # noqa: S603 - our own file
        ["promtool", "test", "rules", str(file)],  # noqa: S607 - found on PATH
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


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
    assert run_promtool(tmp_path, tests) == ""


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
    assert run_promtool(tmp_path, tests, every=f"{SLOW_STEP}s") == ""


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
    assert run_promtool(tmp_path, tests, every="6h") == ""


def wave(peak: float) -> Callable[[float], float]:
    """An opening after ten minutes: a rush of minutes that ebbs away."""
    return lambda t: 2.0 if t < 600 else 2.0 + peak * math.exp(-((t - 600) / 900))


@needs_promtool
def test_a_quiet_day_and_five_healthy_waves_tell_nobody_anything(tmp_path: Path) -> None:
    """Not one alert at any moment, neither page nor ticket."""
    wanted = names()
    step = 60
    quiet = sound(step=step, seconds=86_400, rate=lambda t: 0.5 + 0.4 * math.sin(t / 14_000))
    waves = [
        sound(step=step, seconds=3_600, rate=wave(peak), seed=index)
        for index, peak in enumerate((50, 200, 500, 800, 1_000))
    ]
    tests = []
    for history in (quiet, *waves):
        end = (history.count - 1) * step
        tests.append(
            {
                "interval": f"{step}s",
                "input_series": list(history.promtool(wanted)),
                "promql_expr_test": [
                    {
                        "expr": f'count(count_over_time(ALERTS{{alertstate="firing",alertname!="Watchdog"}}[{end}s]))',
                        "eval_time": f"{end}s",
                        "exp_samples": [],
                    }
                ],
            }
        )
    assert run_promtool(tmp_path, tests, every=f"{step}s") == ""


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
