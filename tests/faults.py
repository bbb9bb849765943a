"""Faults of a made-up system: what each changes of its history, what on-call is told, and what that explains."""

from collections.abc import Callable, Mapping

from tests.made_history import ALL, DOORS, JOIN, KINDS, POST, WORKERS, History

STEP, FAULT_AT = 30, 300
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


LATE = {kind: put("gelombang_oldest_due_seconds", 1_000, kind=kind) for kind in KINDS}
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
    "student workers dead": (
        gone("worker-student-1", "worker-student-2"),
        {page("WorkersDown", "student")},
        {ticket("ProcessDown"), page("NumbersMissing", "student")},
    ),
    "student workers not scraped": (
        unwatched("worker-student-1", "worker-student-2"),
        {page("NotWatched", "student")},
        {page("NumbersMissing", "student")},
    ),
    "nobody is asked whether they study": (
        all_of(unwatched("worker-student-1", "worker-student-2"), absent("gelombang_needed", kind="student")),
        set(),
        set(),
    ),
    "waves worker dead": (
        gone("worker-waves"),
        {page("WorkersDown", "waves")},
        {ticket("ProcessDown"), page("NumbersMissing", "waves")},
    ),
    "closing rush": (
        all_of(
            more("gelombang_joins_total", 0.5, outcome="overloaded"),
            more("gelombang_http_requests_total", 0.5, route=JOIN, status="503"),
        ),
        {page("ClosingRush")},
        {page("DoorFailing"), ticket("DoorFailing")},
    ),
    "closing rush that waits": (
        slow("gelombang_http_request_seconds", 2.5, 0.75, route=JOIN),
        {page("ClosingRush")},
        set(),
    ),
    "a closing rush in time": (slow("gelombang_http_request_seconds", 1.0, 0.75, route=JOIN), set(), set()),
    "scoring late": (put("gelombang_oldest_unscored_seconds", 90), {page("ScoringLate", "waves")}, set()),
    "announcement stuck": (
        all_of(
            more("gelombang_announcements_total", 0, channel="email", result="sent"),
            put("gelombang_announcements_waiting", 40, channel="email", state="due"),
        ),
        {page("AnnouncementStuck")},
        set(),
    ),
    "messages that keep failing": (  # for an hour until somebody is told
        all_of(
            more("gelombang_announcements_total", 0, channel="email", result="sent"),
            put("gelombang_announcements_waiting", 0, channel="email", state="planned"),
            put("gelombang_announcements_waiting", 0, channel="email", state="due"),
        ),
        set(),
        set(),
    ),
    "an announcement on its way": (put("gelombang_announcements_waiting", 4_000, state="due"), set(), set()),
    "nobody counts tests": (absent("gelombang_oldest_unscored_seconds"), {page("NumbersMissing", "waves")}, set()),
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
            absent("gelombang_oldest_unscored_seconds"),
            absent("gelombang_announcements_waiting"),
        ),
        {page("PostgreSQLDown")},
        {
            page("DoorFailing"),
            ticket("DoorFailing"),
            ticket("BooksMissing"),
            *(page("NumbersMissing", kind) for kind in (*KINDS, "waves")),
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
        {ticket("BooksMissing"), *(page("NumbersMissing", kind) for kind in KINDS)},
    ),
    "registry down": (
        all_of(
            new("gelombang_ministry_stopped", 1, kind="nik", cause="ministry_error", instance="worker-nik-1"),
            LATE["nik"],
        ),
        {page("RegistryDown", "nik")},
        {page("VerificationLate", "nik"), ticket("VerificationLate", "nik")},
    ),
    "registry of students down": (
        all_of(
            new("gelombang_ministry_stopped", 1, kind="student", cause="ministry_error", instance="worker-student-1"),
            LATE["student"],
        ),
        {page("RegistryDown", "student")},
        {page("VerificationLate", "student"), ticket("VerificationLate", "student")},
    ),
    "quota out": (
        all_of(
            new("gelombang_ministry_stopped", 1, kind="nik", cause="ministry_quota", instance="worker-nik-1"),
            LATE["nik"],
        ),
        {page("RegistryQuotaOut", "nik")},
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
        {page("RegistryRefusesUs", "nik")},
        set(),
    ),
    "registry slow": (
        slow("gelombang_attempt_seconds", 2.5, 2.5, kind="nik"),
        {ticket("RegistrySlow", "nik")},
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
        {ticket("BooksMissing"), *(page("NumbersMissing", kind) for kind in ("nik", "email", "phone", "waves"))},
    ),
    "one worker dead": (gone(WORKERS[1]), {ticket("ProcessDown")}, set()),
    "nothing": (lambda _history: None, set(), set()),
}
