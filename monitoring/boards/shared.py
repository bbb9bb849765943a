"""What boards show alike: queries, lines and panels. `$__rate_interval` and `$instance` are variables of Grafana's."""

from monitoring.panels import Line, Panel

DOOR = 'instance=~"$instance"'
POST = 'route=~"POST (/|/api/v1/registrations)"'
JOIN = 'route=~"POST .+/join"'
RATE = "[$__rate_interval]"


def quantile(share: float, metric: str, by: str = "", chosen: str = "") -> str:
    """The query of a quantile of a histogram, by further labels (`, kind`) and of the series that are chosen."""
    return f"histogram_quantile({share}, sum by (le{by}) (rate({metric}_bucket{{{chosen}}}{RATE})))"


def answered(chosen: str) -> tuple[Line, Line]:
    """Within what time half of the requests are answered, and 99 of 100."""
    seconds = "gelombang_http_request_seconds"
    return Line(quantile(0.5, seconds, chosen=chosen), "half"), Line(quantile(0.99, seconds, chosen=chosen), "99 %")


ACCEPTED = Line(f'sum(rate(gelombang_registrations_total{{outcome="accepted"}}{RATE}))', "accepted")
PROVEN = Line("max(gelombang_proven_rate > 0)", "proven")
REFUSED = Line(f"sum by (queue) (rate(gelombang_refused_total{RATE}))", "refused ({{queue}})")
ERRORS = Line(
    f'sum(rate(gelombang_http_requests_total{{status=~"5.."}}{RATE}))'
    f" / sum(rate(gelombang_http_requests_total{RATE}))"
    f" or sum(rate(gelombang_http_requests_total{RATE})) * 0",
    "5xx",
)
OLDEST = Line("max by (kind) (gelombang_oldest_due_seconds)", "{{kind}}")
BREAKER = Line(
    'max by (kind, state) (avg_over_time(gelombang_ministry_breaker{state!="closed"}[1m]))', "{{kind}} {{state}}"
)
FUNNEL = Panel(
    title="Funnel",
    says="How far people came, from the books.",
    lines=(Line("max by (stage) (gelombang_people)", "{{stage}}"),),
    kind="bars",
)
LEDGER = Panel(
    title="Books",
    says="Registrations for which the books contradict each other. Anything but 0 is a page.",
    lines=(Line("max(gelombang_ledger_discrepancies)", "contradictions"),),
    kind="number",
    width=4,
    limit=1,
    runbook="LedgerBroken",
)
