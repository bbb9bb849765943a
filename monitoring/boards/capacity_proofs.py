"""The board of what was proven to hold, and of what came."""

from monitoring.boards.shared import ACCEPTED, POST, PROVEN, RATE
from monitoring.panels import Board, Line, Panel

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
            lines=(ACCEPTED, PROVEN),
            unit="reqps",
            width=12,
            runbook="NearProvenRate",
        ),
        Panel(
            title="Share of receipts within a quarter of a second",
            says="What a proof is about.",
            lines=(
                Line(
                    f'sum(rate(gelombang_http_request_seconds_bucket{{{POST},le="0.25"}}{RATE}))'
                    f" / sum(rate(gelombang_http_request_seconds_count{{{POST}}}{RATE}))",
                    "share",
                ),
            ),
            unit="percentunit",
            width=12,
        ),
    ),
)
