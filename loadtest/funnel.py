"""Shows a run while it goes on, and its report at the end: on a terminal alive, elsewhere one plain line a second.

It only shows; nothing is lost if the process dies.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from loadtest.record import Stage, Tally
from loadtest.report import Report, Spread

_LINE_SECONDS = 1.0
_FRAMES_PER_SECOND = 5
_BAR_WIDTH = 50
_PLAIN_WIDTH = 150
_WIDTH_FOR_DEEDS = 130


class Funnel:
    """The display of one run of `count` applicants."""

    def __init__(self, tally: Tally, *, count: int, console: Console) -> None:
        self._tally = tally
        self._count = count
        self._console = console
        self._began = time.monotonic()

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show the run while the block lasts."""
        self._began = time.monotonic()
        if self._console.is_terminal:
            with Live(self, console=self._console, refresh_per_second=_FRAMES_PER_SECOND):
                yield
            return
        lines = asyncio.create_task(self._print_lines())
        try:
            yield
        finally:
            lines.cancel()
            await asyncio.gather(lines, return_exceptions=True)
            self._print_line()

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        """Draw the bar and the stages as they are now."""
        yield f"{self._tally.ended:,} of {self._count:,} through, {self._seconds():.0f} s"
        grid = Table.grid(padding=(0, 1))
        for name, number in [
            *((stage.value, self._tally.stages[stage]) for stage in Stage),
            ("rejected", self._tally.rejected),
        ]:
            grid.add_row(name, ProgressBar(total=self._count, completed=number, width=_BAR_WIDTH), f"{number:>7,}")
        grid.add_row("through", ProgressBar(total=self._count, completed=self._tally.ended, width=_BAR_WIDTH))
        yield grid
        yield f"retries {self._tally.retries:,}"

    async def _print_lines(self) -> None:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            self._print_line()

    def _print_line(self) -> None:
        stages = " → ".join(f"{stage.value} {self._tally.stages[stage]:,}" for stage in Stage)
        print(
            f"[{self._seconds():5.1f} s] {stages}; rejected {self._tally.rejected:,};"
            f" through {self._tally.ended:,} of {self._count:,}; retries {self._tally.retries:,}",
            file=self._console.file,
            flush=True,
        )

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def console() -> Console:
    """Standard output, wide enough for the tables when it is no terminal."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=_PLAIN_WIDTH)


def show(report: Report, console: Console) -> None:
    """Print the report: per persona, everyone who ended otherwise, and what it comes to."""
    console.print(_persona_table(report, with_deeds=console.width >= _WIDTH_FOR_DEEDS))
    if report.otherwise:
        console.print(_otherwise_table(report))
    if report.late_seconds is not None:
        console.print(f"Sent later than due: {_in_words(report.late_seconds)}.")
    if report.receipt_seconds is not None:
        console.print(f"Receipt after arrival: {_in_words(report.receipt_seconds)}. Retries: {report.retries:,}.")
    console.print(_verdict(report))


def _persona_table(report: Report, *, with_deeds: bool) -> Table:
    table = Table(
        title=f"{report.count:,} applicants of seed {report.seed}, {report.seconds:.1f} s", title_justify="left"
    )
    table.add_column("persona", no_wrap=True)
    if with_deeds:
        table.add_column("does")
    table.add_column("deserves")
    table.add_column("number", justify="right")
    table.add_column("as deserved", justify="right")
    for row in report.personas:
        mark = "" if row.as_deserved == row.count else " ←"
        deeds = (row.does,) if with_deeds else ()
        table.add_row(row.name, *deeds, row.deserves, f"{row.count:,}", f"{row.as_deserved:,}{mark}")
    return table


def _otherwise_table(report: Report) -> Table:
    table = Table(title="Not as deserved", title_justify="left")
    for name in ("handle", "persona", "deserves", "seen"):
        table.add_column(name, overflow="fold")
    for row in report.otherwise:
        table.add_row(row.handle, row.persona, row.deserves, row.seen)
    return table


def _in_words(spread: Spread) -> str:
    return f"median {spread.median:.3f} s, 99 % within {spread.p99:.3f} s, longest {spread.longest:.3f} s"


def _verdict(report: Report) -> str:
    if report.not_valid is not None:
        return f"This run proves nothing: {report.not_valid}."
    if report.otherwise:
        return f"{len(report.otherwise):,} of {report.count:,} applicants did not end as they deserve."
    return f"All {report.count:,} applicants ended as they deserve."
