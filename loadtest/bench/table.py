"""The report on the screen."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from loadtest.bench import gate
from loadtest.bench.contender import GROUPS
from loadtest.bench.enumerating import Enumeration
from loadtest.bench.figures import CPU, Figures, Ratio, Spread
from loadtest.bench.growing import Growth, medians
from loadtest.bench.overload import GOODPUT_SHARE, REFUSED_P99_MS, Overload, Round
from loadtest.bench.report import Report
from loadtest.bench.welch import BOUND

_PLAIN_WIDTH = 170


def console() -> Console:
    """Standard output; wide enough for whole lines where it is no terminal."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=_PLAIN_WIDTH)


def show(report: Report, out: Console) -> None:
    """Figures, ratios, targets, and what speaks against them."""
    out.print(_figures_table(report))
    if report.ratios:
        out.print(_ratio_table(report.ratios))
    show_verdicts(gate.judge(report), out)
    for words in (*report.flaws, *report.disturbances):
        out.print(f"! {words}")
    if report.flaws:
        out.print("This run proves nothing.")


def show_verdicts(verdicts: Iterable[gate.Verdict], out: Console) -> None:
    """One line for each target."""
    for verdict in verdicts:
        word = {True: "reached", False: "MISSED", None: "unknown"}[verdict.reached]
        out.print(f"{word:<8} {verdict.target}: {verdict.found}")


def show_growth(growth: Growth, out: Console) -> None:
    """Both sizes and their ratio."""
    few, many, ratio = medians(growth.few), medians(growth.many), growth.ratio
    out.print(f"CPU for each registration at {growth.few_rows:>9,} rows: {wide(few)} µs")
    out.print(f"CPU for each registration at {growth.many_rows:>9,} rows: {wide(many)} µs")
    out.print(f"ratio {ratio.median:.3f} ({ratio.least:.3f}–{ratio.most:.3f})")
    for words in growth.flaws:
        out.print(f"! {words}")


def show_enumeration(found: Enumeration, out: Console) -> None:
    """One line for each thing that may be known."""
    for one in found.comparisons:
        word = "MISSED" if one.tells else "reached"
        out.print(
            f"{word:<8} known {one.known:<6} |t| < {BOUND:g}: t {one.t:+.2f}, without the slowest tenth"
            f" {one.t_without_slowest_tenth:+.2f}; median {one.median_known_us:,.0f} µs, unknown"
            f" {one.median_unknown_us:,.0f} µs"
        )
    if found.refused:
        out.print(f"! {found.refused:,} answers were not 202. This run proves nothing.")


def overload_line(one: Round) -> str:
    """One line of progress."""
    load = one.overload
    return (
        f"round {one.number}  capacity {one.capacity_per_second:>7,.0f}/s  offered {one.offered_per_second:>7,.0f}/s"
        f"  goodput {one.goodput_share:>6.1%}  refused {load.refused:,}, p99 {load.refused_p99_ms or 0:,.1f} ms"
        f"  accepted p99 {load.accepted_p99_ms or 0:,.0f} ms{'  ' + one.flaw if one.flaw else ''}"
    )


def show_overload(found: Overload, out: Console) -> None:
    """The three targets, and what speaks against them."""
    share, p99, silent = found.goodput_share, found.refused_p99_ms, found.without_retry_after
    show_verdicts(
        (
            gate.Verdict(f"goodput ≥ {GOODPUT_SHARE:.0%} of capacity", f"{share:.1%}", share >= GOODPUT_SHARE),
            gate.Verdict(f"p99 of refusals ≤ {REFUSED_P99_MS:g} ms", f"{p99:,.1f} ms", p99 <= REFUSED_P99_MS),
            gate.Verdict("every refusal has Retry-After", f"{silent:,} without", silent == 0),
        ),
        out,
    )
    for words in found.flaws:
        out.print(f"! {words}")
    if found.flaws:
        out.print("This run proves nothing.")


@contextlib.contextmanager
def progress(out: Console, *, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, elsewhere a line for each tenth; gives the function that is told what is done."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        before, done = done, done + more
        if done * 10 // total > before * 10 // total:
            out.print(f"{done:,} of {total:,}")

    if not out.is_terminal:
        yield count
        return
    with Progress(console=out) as bar:
        task = bar.add_task("requests", total=total)
        yield lambda more: bar.advance(task, more)


def wide(spread: Spread, digits: int = 0) -> str:
    """Median and range."""
    return f"{spread.median:,.{digits}f} ({spread.least:,.{digits}f}–{spread.most:,.{digits}f})"


def _figures_table(report: Report) -> Table:
    table = Table(
        title=f"median (range) of {report.rounds} rounds of {report.seconds:g} s, {report.connections} clients"
    )
    table.add_column("contender")
    for name in ("accepted/s", "p50 ms", "p99 ms", "CPU µs", *GROUPS, "generator", "accepted", "rows", "entries"):
        table.add_column(name, justify="right")
    for figures in report.figures:
        table.add_row(*_row(figures))
    return table


def _row(figures: Figures) -> list[str]:
    return [
        figures.contender,
        wide(figures.per_second),
        f"{figures.p50_ms.median:,.1f}",
        f"{figures.p99_ms.median:,.1f}",
        wide(figures.cpu_us_total),
        *(f"{figures.cpu_us[group].median:,.0f}" for group in GROUPS),
        f"{figures.generator_cpu_us.median:,.0f}",
        f"{figures.accepted:,}",
        "–" if figures.rows is None else f"{figures.rows:,}",
        "–" if figures.entries is None else f"{figures.entries:,}",
    ]


def _ratio_table(ratios: Iterable[Ratio]) -> Table:
    table = Table(title="ratios within each round")
    for name in ("figure", "ratio"):
        table.add_column(name)
    table.add_column("median", justify="right")
    table.add_column("rounds", justify="right")
    for ratio in ratios:
        figure = "CPU per registration" if ratio.figure == CPU else "accepted per second"
        values = "  ".join(f"{value:.2f}" for value in ratio.rounds)
        table.add_row(figure, f"{ratio.subject} / {ratio.base}", f"{ratio.median:.2f}", values)
    return table
