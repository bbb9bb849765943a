"""`gelombang keys list|rotate|reseal|retire`: change the sealing keys of a running system.

Guarantee: at no moment does a row stand under a key that the ring does not hold. A key goes only when every process has
had the time to see its successor and no row is left under it. If the command dies, run it again.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang.errors import CommandError

if TYPE_CHECKING:
    from registration.sealing import KeyRing, KeyRingSource
    from registration.store.database import Database

INDEX_NOTE = (
    "The index secret is not rotated: primary keys, digests, handles, links and codes are derived from it and would"
    " change with it."
)
EXIT_LEFT_OVER = 1
WHOLE_TABLE_SECONDS = 600.0

app = typer.Typer(no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Data dir of a local stack")]


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """Show the ids of the sealing keys and how many registrations stand under each. Reads the whole table."""
    from gelombang import ring_file  # noqa: PLC0415 - slow to import

    ring = ring_file.read(ring_file.locate(data_dir))
    print("\n".join(_listing(ring, _count(data_dir))))


@app.command(epilog=INDEX_NOTE)
def rotate(data_dir: DataDir = None) -> None:
    """Add a sealing key. Running processes take it up by themselves, within seconds; the older keys still open."""
    from gelombang import ring_file  # noqa: PLC0415 - slow to import
    from registration.sealing import KeyRingError  # noqa: PLC0415

    source = ring_file.locate(data_dir)
    path = ring_file.require_path(source)
    with ring_file.changing(path):
        try:
            ring = ring_file.read(source).rotated()
        except KeyRingError as error:
            raise CommandError(str(error)) from None
        ring_file.write(path, ring)
    print(f"key {ring.newest} is in {path} and seals from now on. Copy the ring to where you keep it safe.")
    print("`gelombang keys reseal` moves what stands under older keys; `gelombang keys retire ID` removes one then.")


@app.command(epilog=INDEX_NOTE)
def reseal(data_dir: DataDir = None) -> None:
    """Move registrations from older keys to the newest. Can be interrupted, and run again, at any time."""
    from gelombang import ring_file  # noqa: PLC0415 - slow to import

    source = ring_file.locate(data_dir)
    ring = ring_file.read(source)
    _settle(source)
    resealed, unreadable = _reseal(ring, data_dir)
    left = sum(count for key_id, count in _count(data_dir).items() if key_id != ring.newest)
    print(f"{resealed:,} moved to key {ring.newest}; {left:,} remain under other keys")
    if unreadable:
        print(f"{unreadable:,} could not be opened with this ring and stay as they are: `gelombang keys list`")
    if left:
        raise typer.Exit(EXIT_LEFT_OVER)


@app.command(epilog=INDEX_NOTE)
def retire(
    key_id: Annotated[int, typer.Argument(metavar="ID", help="The key that goes")], data_dir: DataDir = None
) -> None:
    """Remove an old sealing key, for ever, when no registration stands under it.

    Backups from before the reseal cannot be read without it: keep a copy of the ring as long as you keep those.
    """
    from gelombang import ring_file  # noqa: PLC0415 - slow to import

    source = ring_file.locate(data_dir)
    path = ring_file.require_path(source)
    _refuse_needed(ring_file.read(source), key_id)
    _settle(source)
    with ring_file.changing(path):
        ring = ring_file.read(source)
        _refuse_needed(ring, key_id)
        _refuse_used(ring, key_id, _count(data_dir))
        ring_file.write(path, ring.without(key_id))
    print(f"key {key_id} is no longer in {path}")


def _refuse_needed(ring: "KeyRing", key_id: int) -> None:
    if key_id not in ring.sealing:
        raise CommandError(f"the ring has no key {key_id}; it has {', '.join(map(str, sorted(ring.sealing)))}")
    if key_id == ring.newest:
        raise CommandError(f"key {key_id} is the newest, which seals. Add another first: `gelombang keys rotate`")


def _refuse_used(ring: "KeyRing", key_id: int, counts: Mapping[int, int]) -> None:
    if foreign := counts.keys() - ring.sealing.keys():
        raise CommandError(
            f"rows stand under key {min(foreign)}, which the ring lacks. Is this the ring of that database?"
        )
    if rows := counts.get(key_id):
        raise CommandError(f"{rows:,} registrations stand under key {key_id}. Run `gelombang keys reseal` first.")


def _settle(source: "KeyRingSource") -> None:
    """Wait until every process seals with the newest key: before, new rows could still come under an older one."""
    from gelombang import ring_file  # noqa: PLC0415 - slow to import

    if source.path is not None and (seconds := ring_file.unsettled_seconds(source.path)):
        print(f"waiting {seconds:.0f} s, until every running process has seen the newest key", flush=True)
        time.sleep(seconds)


def _reseal(ring: "KeyRing", data_dir: Path | None) -> tuple[int, int]:
    """Reseal with a progress bar; how many were moved, and how many cannot be opened."""
    from rich.progress import Progress  # noqa: PLC0415 - slow to import

    from gelombang.connecting import with_database  # noqa: PLC0415
    from registration.sealing import Sealer  # noqa: PLC0415
    from registration.store import resealing  # noqa: PLC0415

    sealer = Sealer(ring)

    async def run(database: "Database") -> tuple[int, int]:
        counts = await resealing.count_by_key(database)
        resealed = unreadable = 0
        with Progress() as progress:
            bar = progress.add_task("resealing", total=sum(counts.values()) - counts.get(sealer.newest, 0))
            async for batch in resealing.reseal(database, sealer):
                resealed += batch.resealed
                unreadable += batch.unreadable
                progress.update(bar, completed=resealed + unreadable)
        return resealed, unreadable

    return with_database(run, data_dir, timeout_seconds=WHOLE_TABLE_SECONDS)


def _count(data_dir: Path | None) -> Mapping[int, int]:
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store.resealing import count_by_key  # noqa: PLC0415

    return with_database(count_by_key, data_dir, timeout_seconds=WHOLE_TABLE_SECONDS)


def _listing(ring: "KeyRing", counts: Mapping[int, int]) -> list[str]:
    lines = [f"{'key':>5}{'registrations':>16}"]
    for key_id in sorted({*ring.sealing, *counts}):
        note = "  seals" if key_id == ring.newest else "" if key_id in ring.sealing else "  MISSING in the ring"
        lines.append(f"{key_id:>5}{counts.get(key_id, 0):>16,}{note}")
    return lines
