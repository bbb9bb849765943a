"""The board of the front door: each address, commits, refusals, limits."""

from monitoring.boards.shared import DOOR, RATE, REFUSED, quantile
from monitoring.panels import Board, Line, Panel

FRONT_DOOR = Board(
    uid="front-door",
    title="Front door",
    says="Rate, errors and duration of each address; commits, refusals, limits.",
    panels=(
        Panel(
            title="Requests",
            says="In a second, by route.",
            lines=(Line(f"sum by (route) (rate(gelombang_http_requests_total{{{DOOR}}}{RATE}))", "{{route}}"),),
            kind="stack",
            unit="reqps",
        ),
        Panel(
            title="Answers",
            says="In a second, by status.",
            lines=(Line(f"sum by (status) (rate(gelombang_http_requests_total{{{DOOR}}}{RATE}))", "{{status}}"),),
            unit="reqps",
            runbook="DoorFailing",
        ),
        Panel(
            title="Duration",
            says="99 of 100 are answered by then, by route.",
            lines=(Line(quantile(0.99, "gelombang_http_request_seconds", ", route"), "{{route}}"),),
            unit="s",
            limit=0.25,
            runbook="AcceptingSlowly",
        ),
        Panel(
            title="Registrations in a commit",
            says="Few while it is quiet, many in a rush: that is what keeps a rush cheap.",
            lines=(
                Line(
                    f'sum(rate(gelombang_commit_size_sum{{of="registrations"}}{RATE}))'
                    f' / sum(rate(gelombang_commit_size_count{{of="registrations"}}{RATE}))',
                    "mean",
                ),
            ),
        ),
        Panel(
            title="Wait before a commit",
            says="Of the oldest in each batch, 99 of 100.",
            lines=(Line(quantile(0.99, "gelombang_commit_wait_seconds", chosen='of="registrations"'), "99 %"),),
            unit="s",
            runbook="AcceptingSlowly",
        ),
        Panel(
            title="Event loop",
            says="How late it comes round.",
            lines=(Line(f"max by (instance) (gelombang_event_loop_lag_seconds{{{DOOR}}})", "{{instance}}"),),
            unit="s",
        ),
        Panel(
            title="Refused",
            says="Since they would have waited too long.",
            lines=(REFUSED,),
            unit="reqps",
            runbook="DoorOverloaded",
        ),
        Panel(
            title="Over a limit",
            says="By limit; answered with 429.",
            lines=(Line(f"sum by (limit) (rate(gelombang_limited_total{RATE})) or vector(0)", "over {{limit}}"),),
            unit="reqps",
        ),
        Panel(
            title="Registrations",
            says="By what came of them.",
            lines=(Line(f"sum by (outcome) (rate(gelombang_registrations_total{RATE}))", "{{outcome}}"),),
            unit="reqps",
        ),
    ),
)
