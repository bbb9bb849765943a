"""Every dashboard as data: what is on it, in which order, and the query of each line.

tools/generate_dashboards.py makes Grafana's JSON of this. Queries hold two of Grafana's variables: `$__rate_interval`
and `$instance`.
"""

from collections.abc import Sequence

from monitoring.panels import Board, Line, Panel

_DOOR = 'instance=~"$instance"'
_POST = 'route=~"POST (/|/api/v1/registrations)"'
_JOIN = 'route=~"POST .+/join"'
_RATE = "[$__rate_interval]"


def _quantile(share: float, metric: str, by: str = "", chosen: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) (rate({metric}_bucket{{{chosen}}}{_RATE})))"


def _answered(chosen: str) -> tuple[Line, Line]:
    """Within what time half of the requests are answered, and 99 of 100."""
    seconds = "gelombang_http_request_seconds"
    return Line(_quantile(0.5, seconds, chosen=chosen), "half"), Line(_quantile(0.99, seconds, chosen=chosen), "99 %")


_ACCEPTED = Line(f'sum(rate(gelombang_registrations_total{{outcome="accepted"}}{_RATE}))', "accepted")
_PROVEN = Line("max(gelombang_proven_rate > 0)", "proven")
_REFUSED = Line(f"sum by (queue) (rate(gelombang_refused_total{_RATE}))", "refused ({{queue}})")
_ERRORS = Line(
    f'sum(rate(gelombang_http_requests_total{{status=~"5.."}}{_RATE}))'
    f" / sum(rate(gelombang_http_requests_total{_RATE}))"
    f" or sum(rate(gelombang_http_requests_total{_RATE})) * 0",
    "5xx",
)
_OLDEST = Line("max by (kind) (gelombang_oldest_due_seconds)", "{{kind}}")
_BREAKER = Line(
    'max by (kind, state) (avg_over_time(gelombang_ministry_breaker{state!="closed"}[1m]))', "{{kind}} {{state}}"
)
_FUNNEL = Panel(
    title="Funnel",
    says="How far people came, from the books.",
    lines=(Line("max by (stage) (gelombang_people)", "{{stage}}"),),
    kind="bars",
)
_LEDGER = Panel(
    title="Books",
    says="Registrations for which the books contradict each other. Anything but 0 is a page.",
    lines=(Line("max(gelombang_ledger_discrepancies)", "contradictions"),),
    kind="number",
    width=4,
    limit=1,
    runbook="LedgerBroken",
)

WAVE_OPENING = Board(
    uid="wave-opening",
    title="Wave opening",
    says="One screen for the hour in which a wave opens.",
    panels=(
        Panel(
            title="Registrations now",
            says="Accepted, durable, in each second.",
            lines=(_ACCEPTED,),
            kind="number",
            unit="reqps",
            width=4,
        ),
        Panel(
            title="Of the proven rate",
            says="Beyond 0.8 there should be more doors; beyond 1 nobody has shown that it holds.",
            lines=(Line(f"sum(rate(gelombang_registrations_total{_RATE})) / max(gelombang_proven_rate > 0)", "share"),),
            kind="number",
            unit="percentunit",
            width=4,
            limit=0.8,
            runbook="NearProvenRate",
        ),
        Panel(
            title="Complete",
            says="People whose needed checks are all verified and who own their NIK.",
            lines=(Line('max(gelombang_people{stage="complete"})', "people"),),
            kind="number",
            width=4,
        ),
        _LEDGER,
        Panel(
            title="Dead letters",
            says="Work that waits for a person.",
            lines=(Line("sum(max by (kind) (gelombang_set_aside))", "set aside"),),
            kind="number",
            width=4,
            limit=1,
            runbook="DeadLetters",
        ),
        Panel(
            title="NIK done in",
            says="When the NIK work that is open now will be done; no number when it will not.",
            lines=(Line('max(gelombang_backlog_done_seconds{kind="nik"})', "seconds"),),
            kind="number",
            unit="s",
            width=4,
        ),
        Panel(
            title="Rate against what was proven",
            says="People who come, and the rate of the newest capacity proof.",
            lines=(_ACCEPTED, _REFUSED, _PROVEN),
            unit="reqps",
            runbook="DoorOverloaded",
        ),
        Panel(
            title="Errors",
            says="Share of requests that ended with a fault of ours.",
            lines=(_ERRORS,),
            unit="percentunit",
            limit=0.01,
            runbook="DoorFailing",
        ),
        Panel(
            title="Time to a receipt",
            says="Half of the people have their receipt by then, and 99 of 100.",
            lines=_answered(_POST),
            unit="s",
            limit=0.25,
            runbook="AcceptingSlowly",
        ),
        _FUNNEL,
        Panel(
            title="Oldest work that is due",
            says="How long the oldest check has waited to be taken up.",
            lines=(_OLDEST,),
            unit="s",
            runbook="VerificationLate",
        ),
        Panel(
            title="Registries",
            says="Answers in a second, and calls that may be under way.",
            lines=(
                Line("max by (kind) (gelombang_ministry_goodput)", "{{kind}} answers/s"),
                Line("max by (kind) (gelombang_ministry_limit)", "{{kind}} calls at once, now"),
            ),
            runbook="RegistrySlow",
        ),
        Panel(
            title="Joining",
            says="Tries to join the wave, by what came of them.",
            lines=(Line(f"sum by (outcome) (rate(gelombang_joins_total{_RATE}))", "{{outcome}}"),),
            unit="reqps",
            width=6,
            runbook="ClosingRush",
        ),
        Panel(
            title="Time to join",
            says="Half of the people know by then whether they joined, and 99 of 100.",
            lines=_answered(_JOIN),
            unit="s",
            width=6,
            limit=1,
            runbook="ClosingRush",
        ),
        Panel(
            title="Tests without a score",
            says="How long the oldest test that has ended waits; five minutes are promised.",
            lines=(Line("max(gelombang_oldest_unscored_seconds)", "oldest"),),
            unit="s",
            width=6,
            limit=60,
            runbook="ScoringLate",
        ),
        Panel(
            title="Announcements",
            says="Messages that tell a result and were not sent yet.",
            lines=(Line("max by (channel, state) (gelombang_announcements_waiting)", "{{channel}} {{state}}"),),
            width=6,
            runbook="AnnouncementStuck",
        ),
    ),
)

VERIFICATION = Board(
    uid="verification",
    title="Verification",
    says="What waits, how fast it goes, and what holds it up.",
    panels=(
        Panel(
            title="Open checks",
            says="Work in PostgreSQL that is not done.",
            lines=(Line("max by (kind) (gelombang_backlog)", "{{kind}}"),),
            kind="stack",
        ),
        Panel(
            title="Oldest work that is due",
            says="How long the oldest check has waited to be taken up.",
            lines=(_OLDEST,),
            unit="s",
            runbook="VerificationLate",
        ),
        Panel(
            title="Verdicts",
            says="Of all workers, over the last minute.",
            lines=(Line("max by (kind) (gelombang_goodput)", "{{kind}}"),),
            unit="ops",
        ),
        Panel(
            title="Verdicts by reason",
            says="What the outside said.",
            lines=(
                Line(
                    f"sum by (kind, state, reason) (rate(gelombang_verdicts_total{_RATE})) > 0",
                    "{{kind}} {{state}} {{reason}}",
                ),
            ),
            unit="ops",
            width=12,
        ),
        Panel(
            title="Delays by cause",
            says="Trouble of the system: never shown as a person's fault.",
            lines=(Line(f"sum by (kind, cause) (rate(gelombang_delays_total{_RATE}))", "{{kind}} {{cause}}"),),
            unit="ops",
            width=12,
            runbook="MailDown",
        ),
        Panel(
            title="Tries",
            says="By what came of them.",
            lines=(Line(f"sum by (kind, result) (rate(gelombang_attempts_total{_RATE}))", "{{kind}} {{result}}"),),
            unit="ops",
        ),
        Panel(
            title="Duration of a try",
            says="Half of them, the call to the outside included.",
            lines=(Line(_quantile(0.5, "gelombang_attempt_seconds", ", kind"), "{{kind}}"),),
            unit="s",
            runbook="RegistrySlow",
        ),
        Panel(
            title="In the streams",
            says="Entries in Valkey: offered, not done. The rest of a backlog waits in PostgreSQL.",
            lines=(Line("max by (stream) (gelombang_stream_length)", "{{stream}}"),),
            kind="stack",
        ),
        Panel(
            title="Calls to the registries",
            says="Under way, and how many may be.",
            lines=(
                Line("sum by (kind) (gelombang_ministry_calls_in_flight)", "{{kind}} under way"),
                Line("max by (kind) (gelombang_ministry_limit)", "{{kind}} limit now"),
                Line("max by (kind) (gelombang_ministry_concurrency_ceiling)", "{{kind}} ceiling"),
            ),
        ),
        Panel(
            title="Breaker",
            says="Share of the last minute in which no, or only some, calls went out.",
            lines=(_BREAKER,),
            kind="stack",
            unit="percentunit",
            runbook="RegistryDown",
        ),
        Panel(
            title="Set aside and paused",
            says="Dead letters, and 1 for a kind that is paused.",
            lines=(
                Line("max by (kind) (gelombang_set_aside)", "{{kind}} dead letters"),
                Line("max by (kind) (gelombang_paused)", "{{kind}} paused"),
            ),
            runbook="DeadLetters",
        ),
    ),
)

FRONT_DOOR = Board(
    uid="front-door",
    title="Front door",
    says="Rate, errors and duration of each address; commits, refusals, limits.",
    panels=(
        Panel(
            title="Requests",
            says="In a second, by route.",
            lines=(Line(f"sum by (route) (rate(gelombang_http_requests_total{{{_DOOR}}}{_RATE}))", "{{route}}"),),
            kind="stack",
            unit="reqps",
        ),
        Panel(
            title="Answers",
            says="In a second, by status.",
            lines=(Line(f"sum by (status) (rate(gelombang_http_requests_total{{{_DOOR}}}{_RATE}))", "{{status}}"),),
            unit="reqps",
            runbook="DoorFailing",
        ),
        Panel(
            title="Duration",
            says="99 of 100 are answered by then, by route.",
            lines=(Line(_quantile(0.99, "gelombang_http_request_seconds", ", route"), "{{route}}"),),
            unit="s",
            limit=0.25,
            runbook="AcceptingSlowly",
        ),
        Panel(
            title="Registrations in a commit",
            says="Few while it is quiet, many in a rush: that is what keeps a rush cheap.",
            lines=(
                Line(
                    f'sum(rate(gelombang_commit_size_sum{{of="registrations"}}{_RATE}))'
                    f' / sum(rate(gelombang_commit_size_count{{of="registrations"}}{_RATE}))',
                    "mean",
                ),
            ),
        ),
        Panel(
            title="Wait before a commit",
            says="Of the oldest in each batch, 99 of 100.",
            lines=(Line(_quantile(0.99, "gelombang_commit_wait_seconds", chosen='of="registrations"'), "99 %"),),
            unit="s",
            runbook="AcceptingSlowly",
        ),
        Panel(
            title="Event loop",
            says="How late it comes round.",
            lines=(Line(f"max by (instance) (gelombang_event_loop_lag_seconds{{{_DOOR}}})", "{{instance}}"),),
            unit="s",
        ),
        Panel(
            title="Refused",
            says="Since they would have waited too long.",
            lines=(_REFUSED,),
            unit="reqps",
            runbook="DoorOverloaded",
        ),
        Panel(
            title="Over a limit",
            says="By limit; answered with 429.",
            lines=(Line(f"sum by (limit) (rate(gelombang_limited_total{_RATE})) or vector(0)", "over {{limit}}"),),
            unit="reqps",
        ),
        Panel(
            title="Registrations",
            says="By what came of them.",
            lines=(Line(f"sum by (outcome) (rate(gelombang_registrations_total{_RATE}))", "{{outcome}}"),),
            unit="reqps",
        ),
    ),
)

DEPENDENCIES = Board(
    uid="dependencies",
    title="Dependencies",
    says="PostgreSQL, Valkey, disk and processes, as our own processes see them.",
    panels=(
        Panel(
            title="Answers us",
            says="Processes that get an answer.",
            lines=(Line("sum by (dependency) (gelombang_dependency_up)", "{{dependency}}"),),
            runbook="PostgreSQLDown",
        ),
        Panel(
            title="A trifle takes",
            says="The longest that any process waited for the simplest answer.",
            lines=(Line("max by (dependency) (gelombang_dependency_seconds)", "{{dependency}}"),),
            unit="s",
        ),
        Panel(
            title="Processes",
            says="That take work, by role.",
            lines=(Line("sum by (role) (gelombang_ready)", "{{role}}"),),
            runbook="WorkersDown",
        ),
        Panel(
            title="Sessions",
            says="On the PostgreSQL server, and how many it allows.",
            lines=(
                Line("max(gelombang_database_sessions)", "taken"),
                Line("max(gelombang_database_sessions_limit)", "limit"),
            ),
            runbook="SessionsNearlyUsedUp",
        ),
        Panel(
            title="Our connections",
            says="To PostgreSQL, all processes.",
            lines=(Line(f"sum by (state) (gelombang_database_connections{{{_DOOR}}})", "{{state}}"),),
            kind="stack",
        ),
        Panel(
            title="Free disk",
            says="Where the data directory is.",
            lines=(Line("min(gelombang_disk_free_bytes / (gelombang_disk_size_bytes > 0))", "free"),),
            unit="percentunit",
            runbook="DiskNearlyFull",
        ),
        Panel(
            title="Size",
            says="Of the database, and of Valkey's memory.",
            lines=(
                Line("max(gelombang_database_bytes)", "database"),
                Line("max(gelombang_valkey_memory_bytes)", "Valkey"),
            ),
            unit="bytes",
        ),
        Panel(
            title="Processor",
            says="Cores in use, by process.",
            lines=(
                Line(
                    f'sum by (instance) (rate(process_cpu_seconds_total{{job=~"(.*/)?gelombang",{_DOOR}}}{_RATE}))',
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Memory",
            says="Resident, by process.",
            lines=(
                Line(
                    f'sum by (instance) (process_resident_memory_bytes{{job=~"(.*/)?gelombang",{_DOOR}}})',
                    "{{instance}}",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            title="Unknown errors and mended streams",
            says="Both stay at 0.",
            lines=(
                Line(f"sum(rate(gelombang_bugs_total{_RATE})) or vector(0)", "bugs"),
                Line(f"sum(rate(gelombang_stream_mended_total{_RATE})) or vector(0)", "mended"),
            ),
            runbook="Bugs",
        ),
        Panel(
            title="Left to the relay",
            says="Registrations that Valkey did not take at once.",
            lines=(Line(f"sum(rate(gelombang_shortcut_lost_total{_RATE}))", "a second"),),
            runbook="ValkeyDown",
        ),
        Panel(
            title="Sealing key",
            says="The newest that each process has: one line, except during a rotation.",
            lines=(Line("max by (instance) (gelombang_sealing_key)", "{{instance}}"),),
        ),
    ),
)

CAPACITY_PROOFS = Board(
    uid="capacity-proofs",
    title="Capacity proofs",
    says="What was proven to hold, how old that is, and what came.",
    panels=(
        Panel(
            title="Proven rate",
            says="Registrations per second of the newest proof (GELOMBANG_PROVEN_RATE).",
            lines=(Line("max(gelombang_proven_rate)", "proven"),),
            kind="number",
            unit="reqps",
        ),
        Panel(
            title="Age of the proof",
            says="Older than two weeks is stale.",
            lines=(Line("time() - max(gelombang_proven_at_seconds > 0)", "age"),),
            kind="number",
            unit="s",
            limit=1_209_600,
            runbook="ProofStale",
        ),
        Panel(
            title="Highest rate of a minute",
            says="In the last six hours.",
            lines=(
                Line('max_over_time(sum(rate(gelombang_registrations_total{outcome="accepted"}[1m]))[6h:1m])', "seen"),
            ),
            kind="number",
            unit="reqps",
        ),
        Panel(
            title="Rate against what was proven",
            says="People who come, and the proof.",
            lines=(_ACCEPTED, _PROVEN),
            unit="reqps",
            width=12,
            runbook="NearProvenRate",
        ),
        Panel(
            title="Share of receipts within a quarter of a second",
            says="What a proof is about.",
            lines=(
                Line(
                    f'sum(rate(gelombang_http_request_seconds_bucket{{{_POST},le="0.25"}}{_RATE}))'
                    f" / sum(rate(gelombang_http_request_seconds_count{{{_POST}}}{_RATE}))",
                    "share",
                ),
            ),
            unit="percentunit",
            width=12,
        ),
    ),
)

BOARDS: Sequence[Board] = (WAVE_OPENING, VERIFICATION, FRONT_DOOR, DEPENDENCIES, CAPACITY_PROOFS)
