"""The verdict as JUnit XML, for whatever shows test results: one case for each thing that a proof claims. Pure."""

from xml.sax.saxutils import quoteattr

from loadtest.proof.evidence import HOLD, OVERLOAD
from loadtest.proof.record import Payload
from loadtest.proof.verdict import ExitCode


def render(payload: Payload) -> str:
    """The document."""
    verdict, evidence = payload.verdict, payload.evidence
    kinds = {ExitCode.SLO_MISSED: "failure", ExitCode.NOT_VALID: "error", ExitCode.ENVIRONMENT: "error"}
    kind = kinds.get(verdict.exit_code, "")
    seconds = sum(stage.seconds for stage in evidence.stages)
    cases = [_case(f"{payload.plan.name}: {verdict.word}", seconds, kind, "; ".join(verdict.reasons))]
    cases += [
        _case(
            f"{stage.kind} {stage.rate:,.0f}/s", stage.seconds, "error" if stage.flaws else "", "; ".join(stage.flaws)
        )
        for stage in evidence.stages
        if stage.kind in {HOLD, OVERLOAD}
    ]
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name={quoteattr(payload.plan.name)} tests="{len(cases)}" failures="{failures}" errors="{errors}"'
        f' time="{seconds:.1f}" timestamp={quoteattr(evidence.started_at)}>\n{"".join(cases)}</testsuite>\n'
    )


def _case(name: str, seconds: float, kind: str, words: str) -> str:
    inner = "" if not kind else f"<{kind} message={quoteattr(words)}/>"
    return f'  <testcase classname="capacity" name={quoteattr(name)} time="{seconds:.1f}">{inner}</testcase>\n'
