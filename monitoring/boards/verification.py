"""The board of what workers do: what waits, how fast it goes, and what holds it up."""

from monitoring.boards.shared import BREAKER, OLDEST, RATE, quantile
from monitoring.panels import Board, Line, Panel

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
            lines=(OLDEST,),
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
                    f"sum by (kind, state, reason) (rate(gelombang_verdicts_total{RATE})) > 0",
                    "{{kind}} {{state}} {{reason}}",
                ),
            ),
            unit="ops",
            width=12,
        ),
        Panel(
            title="Delays by cause",
            says="Trouble of the system: never shown as a person's fault.",
            lines=(Line(f"sum by (kind, cause) (rate(gelombang_delays_total{RATE}))", "{{kind}} {{cause}}"),),
            unit="ops",
            width=12,
            runbook="MailDown",
        ),
        Panel(
            title="Tries",
            says="By what came of them.",
            lines=(Line(f"sum by (kind, result) (rate(gelombang_attempts_total{RATE}))", "{{kind}} {{result}}"),),
            unit="ops",
        ),
        Panel(
            title="Duration of a try",
            says="Half of them, the call to the outside included.",
            lines=(Line(quantile(0.5, "gelombang_attempt_seconds", ", kind"), "{{kind}}"),),
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
            lines=(BREAKER,),
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
