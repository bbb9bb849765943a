"""`gelombang status`: where the system stands, live in the terminal, once, or as JSON for programs."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gelombang.standing import KindStanding, Standing
    from registration.checks import Kind
    from registration.registry import Registry
    from registration.store.database import Database
    from registration.streams.shares import Pool
    from registration.streams.streams import Streams

EXIT_CONCERN = 1
_CAUSES_SHOWN = 4


def status(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print once; exit with 1 when something needs a person")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once; the same exit codes")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks", min=0.5)] = 2.0,
    data_dir: Annotated[Path | None, typer.Option(help="Data dir of a local stack")] = None,
) -> None:
    """Show backlog, speed, delays by cause, pauses, dead letters and when the backlog will be done, until Ctrl-C.

    Into a pipe or a file it prints once. Needs GELOMBANG_DATABASE_URL and GELOMBANG_REDIS_URL, or a local stack. Exit
    codes where it prints once: 0 all is well, 1 something needs a person (it says what), 3 it cannot be read.
    """
    from gelombang.connecting import settings, with_servers  # noqa: PLC0415 - slow to import

    registries = settings(data_dir).registries

    async def look(database: "Database", streams: "Streams") -> "Standing":
        return await _look(database, streams, registries)

    if once or as_json or not sys.stdout.isatty():
        standing = with_servers(look, data_dir)
        _print(standing, as_json=as_json)
        raise typer.Exit(EXIT_CONCERN if standing.concerns else 0)
    with suppress(KeyboardInterrupt):
        with_servers(lambda database, streams: _watch(lambda: look(database, streams), every), data_dir)


async def _look(database: "Database", streams: "Streams", registries: "Mapping[Kind, Registry]") -> "Standing":
    from gelombang.standing import read_standing  # noqa: PLC0415 - slow to import
    from registration.clock import SystemClock  # noqa: PLC0415

    return await read_standing(database, streams, clock=SystemClock(), registries=registries)


async def _watch(look: "Callable[[], Awaitable[Standing]]", every: float) -> None:
    """Look again and again; an outage of PostgreSQL is shown and waited out."""
    from rich.live import Live  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    from registration.errors import Retryable  # noqa: PLC0415

    with Live(screen=True, auto_refresh=False) as live:
        while True:
            try:
                shown: RenderableType = view(await look())
            except Retryable as error:
                shown = Text(f"PostgreSQL does not answer ({error.cause})", style="bold red")
            live.update(shown, refresh=True)
            await asyncio.sleep(every)


def _print(standing: "Standing", *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415 - slow to import
    from rich.console import Console  # noqa: PLC0415

    if as_json:
        print(msgspec.json.encode(standing).decode())
    else:
        Console().print(view(standing))


def view(standing: "Standing") -> "RenderableType":
    """One column a kind, and below it what a person should look at."""
    from rich.console import Group  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=f"gelombang · {standing.taken_at:%Y-%m-%d %H:%M:%S} UTC", title_justify="left")
    table.add_column("")
    for kind in standing.kinds:
        table.add_column(kind.kind, justify="right", overflow="fold", style="bold red" if kind.paused else None)
    for name, cell in _ROWS:
        table.add_row(name, *(cell(kind) for kind in standing.kinds))
    style = "bold yellow" if standing.concerns else "green"
    lines = [Text(text, style=style) for text in standing.concerns or ("All is well.",)]
    registries = [Text(_registry(kind.kind, kind.pool)) for kind in standing.kinds if kind.pool is not None]
    return Group(table, *registries, *lines)


def _registry(kind: "Kind", pool: "Pool") -> str:
    limit = "none yet" if pool.limit < 0 else f"{pool.limit:,}"
    workers = f"{pool.workers} worker{'' if pool.workers == 1 else 's'}"
    word = pool.word or "closed"
    return f"registry for {kind}: {pool.in_flight:,} calls under way, {limit} allowed, {workers}, breaker {word}"


def _waiting(kind: "KindStanding") -> str:
    return "–" if kind.streams is None else " + ".join(f"{stream.lag:,}" for stream in kind.streams)


def _held(kind: "KindStanding") -> str:
    return "–" if kind.streams is None else f"{sum(stream.held for stream in kind.streams):,}"


def _oldest(kind: "KindStanding") -> str:
    from gelombang.standing import duration  # noqa: PLC0415 - slow to import

    return duration(kind.oldest_due_seconds) if kind.due else "–"


def _done(kind: "KindStanding") -> str:
    from gelombang.standing import duration  # noqa: PLC0415 - slow to import

    if not kind.open:
        return "done"
    return "not as it goes" if kind.done_in_seconds is None else f"in {duration(kind.done_in_seconds)}"


def _quota(kind: "KindStanding") -> str:
    from gelombang.standing import duration  # noqa: PLC0415 - slow to import

    if kind.quota_left is None:
        return "–"
    ends = kind.quota_ends_in_seconds
    return f"{kind.quota_left:,}, " + ("lasts" if ends is None else f"ends in {duration(ends)}")


def _delayed(kind: "KindStanding") -> str:
    causes = list(kind.delayed.items())
    more = sum(count for _, count in causes[_CAUSES_SHOWN:])
    lines = [f"{cause} {count:,}" for cause, count in causes[:_CAUSES_SHOWN]]
    return "\n".join([*lines, *([f"others {more:,}"] if more else [])]) or "–"


_ROWS: "tuple[tuple[str, Callable[[KindStanding], str]], ...]" = (
    ("open", lambda kind: f"{kind.open:,}"),
    ("due", lambda kind: f"{kind.due:,}"),
    ("oldest due since", _oldest),
    ("in the stream", _waiting),
    ("in hand", _held),
    ("verdicts per second", lambda kind: "–" if kind.per_second is None else f"{kind.per_second:,.1f}"),
    ("backlog done", _done),
    ("quota left", _quota),
    ("delayed", _delayed),
    ("dead letters", lambda kind: f"{kind.dead_letters:,}"),
    ("state", lambda kind: "PAUSED" if kind.paused else "running"),
)
