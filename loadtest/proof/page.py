"""The record as one HTML file that needs nothing else: it opens offline, in light and dark."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from loadtest.bench.page import STYLE
from loadtest.lines import Axes, Series, lines
from loadtest.proof import usl
from loadtest.proof.evidence import HOLD, OVERLOAD, STEP, Stage
from loadtest.proof.record import Payload
from loadtest.proof.verdict import concurrencies, holds

_TEMPLATE = Path(__file__).with_name("page.html")
_CURVE_POINTS = 60


def render(payload: Payload, last: Payload | None) -> str:
    """The page; `last` is an earlier proof of the same plan."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value, digits=0: f"{value:,.{digits}f}"
    evidence = payload.evidence
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        plan=payload.plan,
        evidence=evidence,
        verdict=payload.verdict,
        expires_at=payload.expires_at,
        found=evidence.surroundings,
        machine=evidence.surroundings.machine,
        books=evidence.books,
        day=f"{datetime.fromisoformat(evidence.started_at):%-d %B %Y, %H:%M} UTC",
        stages=[(stage, holds(payload.plan.slo, stage)) for stage in evidence.stages],
        charts=list(_charts(payload)),
        differences=differences(payload, last) if last is not None else [],
        last=last,
    )


def differences(payload: Payload, last: Payload) -> list[tuple[str, str, str]]:
    """What is another figure than the last time: name, then, now."""
    figures: dict[str, Callable[[Payload], float | None]] = {
        "p99 at the target, ms": lambda one: next((stage.p99_ms for stage in one.evidence.of_kind(HOLD)), None),
        "knee, registrations/s": lambda one: one.verdict.knee,
        "front door, CPU µs each": lambda one: _cost(one, "ingest"),
        "PostgreSQL, CPU µs each": lambda one: _cost(one, "postgresql"),
    }
    rows = []
    for name, figure in figures.items():
        then, now = figure(last), figure(payload)
        if then and now:
            rows.append((name, f"{then:,.0f}", f"{now:,.0f} ({now / then - 1:+.0%})"))
    return rows


def _cost(payload: Payload, prefix: str) -> float | None:
    stage = next(iter(payload.evidence.of_kind(HOLD)), None)
    if stage is None or not stage.per_second:
        return None
    return sum(cores for name, cores in stage.cores.items() if name.startswith(prefix)) / stage.per_second * 1e6


def _charts(payload: Payload) -> Iterator[tuple[str, Markup, str]]:
    evidence, plan = payload.evidence, payload.plan
    limit = (plan.slo.p99_ms, f"objective {plan.slo.p99_ms:g} ms")
    steps = evidence.of_kind(STEP)
    if steps:
        yield (
            "The staircase: p99 at each rate",
            lines(list(_by_repeat(steps)), Axes(x="offered/s", y="p99, ms", limit=limit, top=plan.slo.p99_ms * 4)),
            "Each dot is one step. What is above the chart is drawn at its edge.",
        )
    for stage in (*evidence.of_kind(HOLD), *evidence.of_kind(OVERLOAD)):
        seconds = stage.timeline
        p99 = [Series(name="p99", colour="two", points=[(one.second, one.p99_ms) for one in seconds])]
        p50 = [Series(name="p50", colour="one", points=[(one.second, one.p50_ms) for one in seconds])]
        yield (
            f"{stage.kind.capitalize()}: {stage.rate:,.0f}/s, latency from the intended start",
            lines([*p99, *p50], Axes(x="s", y="ms", limit=limit, top=plan.slo.p99_ms * 4)),
            "Second by second of intended arrival.",
        )
        if stage.kind == OVERLOAD:
            offered = Series(name="offered", colour="rest", points=[(one.second, one.due) for one in seconds])
            good = Series(name="good", colour="one", points=[(one.second, one.good) for one in seconds])
            yield "Overload and recovery: arrivals", lines([offered, good], Axes(x="s", y="per second")), ""
    law = payload.verdict.usl
    if law is not None:
        yield (
            "Throughput over concurrency, and the fitted law",
            _law(law, concurrencies(evidence)),
            "USL; dots are steps.",
        )


def _by_repeat(steps: Sequence[Stage]) -> Iterator[Series]:
    for repeat, colour in zip(
        sorted({step.repeat for step in steps}), ("one", "two", "three", *["rest"] * 20), strict=False
    ):
        points = [(step.rate, step.p99_ms) for step in steps if step.repeat == repeat]
        yield Series(name=f"run {repeat}", colour=colour, points=points, dots=True)


def _law(law: usl.Fit, measured: Sequence[tuple[float, float]]) -> Markup:
    top = max(n for n, _ in measured)
    curve = [
        (n, usl.throughput((law.single, law.alpha, law.beta), n))
        for n in (max(0.05, top * place / _CURVE_POINTS) for place in range(1, _CURVE_POINTS + 1))
    ]
    return lines(
        [
            Series(name="law", colour="rest", points=curve),
            Series(name="step", colour="one", points=measured, dots=True),
        ],
        Axes(x="requests under way", y="per second"),
    )
