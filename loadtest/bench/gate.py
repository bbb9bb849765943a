"""The targets: what the front door has to reach beside its peers, as ratios within one run. Pure."""

from collections.abc import Iterator

import msgspec

from loadtest.bench.figures import CPU, RATE
from loadtest.bench.report import ExitCode, Report


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A bound on the median of one ratio of the front door to `base`."""

    figure: str
    base: str
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return f"{self.figure} {bound} × {self.base}"

    def reached(self, value: float) -> bool:
        """Whether a ratio is within the bound."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


SUBJECT = "gelombang"  # the contender that is judged
# Set from a prototype's figures on two cores: 6,600–8,000/s and 131–156 µs, beside a handler that parses the JSON at
# 9,800–11,700/s and 85–102 µs, and FastAPI with arq at 800/s.
TARGETS = (
    Target(figure=RATE, base="handler", least=0.60),
    Target(figure=CPU, base="handler", most=1.9),
    Target(figure=RATE, base="fastapi_arq", least=8.0),
)


class Verdict(msgspec.Struct, frozen=True):
    """One line of the gate; `reached` is None when the run cannot say."""

    target: str
    found: str
    reached: bool | None


def judge(report: Report) -> Iterator[Verdict]:
    """Each target, and that what was accepted is stored."""
    flaws = report.flaws
    yield Verdict("accepted = rows", "; ".join(flaws) or "in every measurement", reached=not flaws)
    for target in TARGETS:
        ratio = report.ratio(target.figure, target.base)
        if ratio is None:
            yield Verdict(str(target), "not measured", reached=None)
        else:
            yield Verdict(str(target), f"{ratio.median:.2f}", reached=target.reached(ratio.median))


def exit_code(report: Report) -> ExitCode:
    """The code for `--check`: a run that proves nothing, or lacks a contender, misses no target and reaches none."""
    verdicts = list(judge(report))
    if report.flaws or any(verdict.reached is None for verdict in verdicts):
        return ExitCode.NOT_VALID
    return ExitCode.OK if all(verdict.reached for verdict in verdicts) else ExitCode.TARGET_MISSED
