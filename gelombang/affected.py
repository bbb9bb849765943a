"""`gelombang affected import`: lists of affected workers from ministries and local offices.

Guarantee: memory does not grow with the list. A list that broke off is imported again from the start: who is there
stays. Nothing of a list is kept but the NIKs' digests; the report names lines and reasons, no person.
"""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from gelombang.errors import CommandError

if TYPE_CHECKING:
    from registration.store.database import Database

EXIT_BAD_ROWS = 1
_BATCH = 5_000
_COLUMN = "nik"

app = typer.Typer(no_args_is_help=True)


class List:
    """The file of a list."""

    def __init__(self, file: Path, source: str) -> None:
        self.source = source
        self.size_bytes = file.stat().st_size
        self._raw = file.open("rb")
        self.text = io.TextIOWrapper(self._raw, encoding="utf-8-sig", newline="")

    def read_bytes(self) -> int:
        """How much of the file was read."""
        return self._raw.raw.tell()


class Import:
    """One list on its way in: what was read, and what was wrong with it."""

    def __init__(self) -> None:
        self.rows = 0
        self.kept = 0
        self.reasons: Counter[str] = Counter()

    @property
    def bad(self) -> int:
        """Rows that could not be used."""
        return self.reasons.total()


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header; the column `nik` is read, the others are not")],
    *,
    source: Annotated[str, typer.Option(help="Who sent the list and when, as `dinas-pariwisata-bali-2026-11`")],
    report: Annotated[Path | None, typer.Option(help="Where bad rows are listed; by default FILE.rejected.csv")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data dir of a local stack")] = None,
) -> None:
    """Import a list of affected workers. Exit code 1 when rows were bad: the report says which and why."""
    from gelombang import ring_file  # noqa: PLC0415 - slow to import
    from gelombang.connecting import with_database  # noqa: PLC0415
    from registration.digests import Digests  # noqa: PLC0415

    digests = Digests(ring_file.read(ring_file.locate(data_dir)))
    rejected = report or file.with_name(f"{file.name}.rejected.csv")
    done = Import()
    try:
        list_ = List(file, source)
        with list_.text as text, rejected.open("w", encoding="utf-8", newline="") as out:
            bad = csv.writer(out)
            bad.writerow(["line", "reason"])
            niks = read_niks(text, done, lambda line, reason: bad.writerow([line, reason]))
            with_database(lambda database: _import(database, niks, digests.nik, list_=list_, done=done), data_dir)
    except (OSError, UnicodeError, csv.Error) as error:
        raise CommandError(f"{file} cannot be read as CSV in UTF-8: {type(error).__name__}.") from None
    print(f"{done.rows:,} rows: {done.kept:,} new, {done.rows - done.bad - done.kept:,} known before, {done.bad:,} bad")
    if not done.bad:
        rejected.unlink()
        return
    for reason, count in done.reasons.most_common():
        print(f"{count:>9,} × {reason}")
    print(f"lines and reasons: {rejected}")
    raise typer.Exit(EXIT_BAD_ROWS)


def read_niks(text: TextIO, done: Import, reject: Callable[[int, str], object]) -> Iterator[str]:
    """The usable NIKs, one at a time; the others go to `reject` with their line."""
    from registration import nik as niks  # noqa: PLC0415 - slow to import

    header = text.readline()
    delimiter = ";" if header.count(";") > header.count(",") else ","
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    if _COLUMN not in names:
        raise CommandError(f"the header has no column `{_COLUMN}`.")
    column = names.index(_COLUMN)
    rows = csv.reader(text, delimiter=delimiter)
    for row in rows:
        done.rows += 1
        value = row[column].replace(" ", "").strip("'") if len(row) > column else ""
        try:
            yield niks.parse(value).text
        except niks.NikFormatError:
            reason = "nik_missing" if not value else "nik_format"
            done.reasons[reason] += 1
            reject(rows.line_num + 1, reason)


async def _import(
    database: "Database", niks: Iterator[str], digest: Callable[[str], bytes], *, list_: "List", done: Import
) -> None:
    """Keep batch after batch, with a bar on standard error of how much of the file is read."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress  # noqa: PLC0415

    from registration.store import affected  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(list_.source, total=list_.size_bytes)
        while batch := [digest(nik) for nik in itertools.islice(niks, _BATCH)]:
            done.kept += await affected.keep(database, batch, list_.source)
            progress.update(task, completed=list_.read_bytes())
