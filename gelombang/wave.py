"""`gelombang wave plan|list|open|close|select|result|announce`: the waves, from the plan to the announcement.

Guarantee: each step happens once, in PostgreSQL, or not at all; a command that dies is run again. Who opened a wave,
and under which capacity proof or for which reason without one, is written down.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gelombang import acting_user
from gelombang.errors import CommandError

if TYPE_CHECKING:
    from registration.lots import Lots
    from registration.store.waves import Lottery, WaveRecord
    from registration.waves import Place, Rules, Wave

SELECTION_SECONDS = 600.0
_NONCE_BYTES = 16

app = typer.Typer(no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Data dir of a local stack")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Which wave", min=1)]
_MOMENTS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]
Moment = Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="With its zone, as 2026-11-26T16:00+0700")]


@app.command()
def plan(
    number: Number,
    *,
    quota: Annotated[int, typer.Option(help="How many are selected", min=1)],
    count: Annotated[int, typer.Option(help="So many waves, a week apart", min=1, max=500)] = 1,
    opens: Moment = None,
    closes: Moment = None,
    data_dir: DataDir = None,
) -> None:
    """Plan a wave, or several a week apart. Without times: open on Saturday, close on Thursday, 16:00 in Jakarta."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415
    from registration.waves import Wave, weekly  # noqa: PLC0415

    if (opens is None) != (closes is None) or (opens is not None and count > 1):
        raise CommandError("give both --opens and --closes, for one wave, or neither.")
    if opens is not None and closes is not None:
        if opens >= closes:
            raise CommandError("a wave must open before it closes.")
        planned: Sequence[Wave] = [Wave(number, opens, closes, quota)]
    else:
        planned = weekly(first=number, count=count, after=datetime.now(UTC), quota=quota)
    lotteries = [_lottery(wave, _lots(data_dir)) for wave in planned]
    try:
        new = with_database(lambda database: store.plan(database, planned, lotteries), data_dir)
    except store.OverlapError:
        raise CommandError("another wave is planned for a part of this time: `gelombang wave list`.") from None
    taken = [wave.number for wave in planned if wave.number not in new]
    for wave, lottery in zip(planned, lotteries, strict=True):
        if wave.number in new:
            print(f"wave {wave.number}: {_local(wave.opens_at)} to {_local(wave.closes_at)}, {wave.quota:,} selected")
            print(f"  SHA-256 of its lottery's seed, to be published now: {lottery.commitment}")
    if taken:
        raise CommandError(f"planned before, left as it was: wave {', '.join(map(str, taken))}.")


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """Show all waves: times, state, and how many began the test, joined, and were selected."""
    records = _records(data_dir)
    if not records:
        print("No waves are planned: `gelombang wave plan 1 --quota 164000`.")
        return
    columns = ("tests", "joined", "selected")
    print(
        f"{'wave':>5} {'state':<10} {'opens (WIB)':<17} {'closes (WIB)':<17} {'quota':>9}"
        + "".join(f"{column:>10}" for column in columns)
    )
    for record in records:
        wave = record.wave
        print(
            f"{wave.number:>5} {state_of(record):<10} {_local(wave.opens_at):<17} {_local(wave.closes_at):<17}"
            f" {wave.quota:>9,} {record.scored:>9,} {record.joined:>9,} {record.selected:>9,}"
        )


@app.command("open")
def open_(
    number: Number,
    *,
    proof: Annotated[Path | None, typer.Option(help="A record of `gelombang prove` for this build")] = None,
    override: Annotated[str | None, typer.Option(help="Open without a valid proof, for this reason")] = None,
    data_dir: DataDir = None,
) -> None:
    """Open a planned wave. Asks for a valid capacity proof of this build and configuration."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415

    digest = _checked_proof(proof, data_dir) if proof is not None else None
    if digest is None and not (override or "").strip():
        raise CommandError("a wave opens with --proof FILE (see `gelombang prove`), or with --override REASON.")
    opened = with_database(
        lambda database: store.open_wave(
            database, number, actor=acting_user.name(), proof=digest, override_reason=override
        ),
        data_dir,
    )
    if not opened:
        raise CommandError(f"wave {number} cannot be opened: it is not planned, open already, or over.")
    print(f"wave {number} is open within its times" + (f", without a proof: {override}" if digest is None else ""))


@app.command()
def close(
    number: Number,
    *,
    early: Annotated[bool, typer.Option("--early", help="Also before its closing time")] = False,
    data_dir: DataDir = None,
) -> None:
    """Close an opened wave for good. The waves worker does so by itself when its time is up."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415

    if not with_database(lambda database: store.close_wave(database, number, early=early), data_dir):
        raise CommandError(f"wave {number} cannot be closed: it is not open, or its time is not up (--early).")
    print(f"wave {number} is closed")


@app.command()
def select(
    number: Number,
    *,
    out: Annotated[Path, typer.Option(help="Where the published list of tickets goes")],
    data_dir: DataDir = None,
) -> None:
    """Select a closed wave's participants, once and for all, and write the list that anybody can recompute."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415
    from registration.waves import load_rules, publish  # noqa: PLC0415

    rules, lots = load_rules(), _lots(data_dir)
    try:
        places = with_database(
            lambda database: store.run_selection(database, number, rules=rules, seed=lots.lottery_seed),
            data_dir,
            timeout_seconds=SELECTION_SECONDS,
        )
    except store.NotReadyError:
        places = _selected_before(number, data_dir, rules)
    except ValueError as error:
        raise CommandError(str(error)) from None
    publish(out, places)
    (record,) = _records(data_dir, number)
    seed = (record.lottery_seed or b"").hex()
    print(f"wave {number}: {sum(place.selected for place in places):,} of {len(places):,} selected; {out} written")
    print(f"anybody can recompute it: python3 tools/recompute_selection.py {out} --seed {seed} \\")
    weights = f"{rules.motivation_weight},{rules.maths_weight},{rules.affected_points}"
    print(f"  --commitment {record.seed_commitment} --quota {record.wave.quota} --rules {weights}")


@app.command()
def result(
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", help="Which wave", min=1)] = None,
    *,
    output: Annotated[Path | None, typer.Option(help="Where the signed result goes")] = None,
    check: Annotated[Path | None, typer.Option(help="Check this signed result instead")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a selected wave's result signed with the key ring, or check such a file (exit code 1: not good)."""
    from gelombang import ring_file, wave_result  # noqa: PLC0415 - slow to import

    ring = ring_file.read(ring_file.locate(data_dir))
    if check is not None:
        raise typer.Exit(wave_result.check(check, ring))
    if number is None or output is None:
        raise CommandError("give NUMBER and --output FILE, or --check FILE.")
    found = _records(data_dir, number)
    if not found or found[0].rules is None:
        raise CommandError(f"wave {number} is not selected.")
    wave_result.write(output, ring, record=found[0], places_of=lambda rules: _places(number, data_dir, rules))


@app.command()
def announce(
    number: Number,
    *,
    at: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="From when on; by default at once. With its zone")
    ] = None,
    per_second: Annotated[float, typer.Option(help="Mails and text messages a second", min=0.01)] = 100.0,
    data_dir: DataDir = None,
) -> None:
    """Announce a selected wave: pages show the result, mails and text messages go out at a rate. Once and for all."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import announcements  # noqa: PLC0415

    moment = at or datetime.now(UTC)
    count = with_database(
        lambda database: announcements.plan(database, number, at=moment, per_second=per_second),
        data_dir,
        timeout_seconds=SELECTION_SECONDS,
    )
    if count is None:
        raise CommandError(f"wave {number} cannot be announced: it is not selected, or was announced before.")
    print(f"wave {number}: seen from {_local(moment)} WIB on; {count:,} messages in {count / per_second:,.0f} s")


def state_of(record: "WaveRecord") -> str:
    """Where a wave stands, in one word."""
    if record.selected_at is not None:
        return "announced" if record.announce_at is not None and record.announce_at <= record.now else "selected"
    if record.closed_at is not None or record.now >= record.wave.closes_at:
        return "closed"
    if record.opened_at is None:
        return "planned"
    return "open" if record.now >= record.wave.opens_at else "ready"


def _checked_proof(path: Path, data_dir: Path | None) -> str:
    """The digest of a proof that says GO for this build and configuration, now."""
    from gelombang.prove import worth  # noqa: PLC0415 - slow to import

    if worth(path, data_dir) != 0:
        raise CommandError(
            f"{path} does not prove what would be opened: see above. --override REASON opens all the same."
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _selected_before(number: int, data_dir: Path | None, rules: "Rules") -> "Sequence[Place]":
    found = _records(data_dir, number)
    if not found or found[0].selected_at is None:
        raise CommandError(f"wave {number} cannot be selected: it is not closed.")
    print(f"wave {number} was selected before; this is its list again")
    return _places(number, data_dir, rules)


def _places(number: int, data_dir: Path | None, rules: "Rules") -> "Sequence[Place]":
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415

    return with_database(lambda database: store.read_places(database, number, rules=rules), data_dir)


def _records(data_dir: Path | None, number: int | None = None) -> "Sequence[WaveRecord]":
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store import waves as store  # noqa: PLC0415

    return with_database(lambda database: store.list_waves(database, number), data_dir)


def _lots(data_dir: Path | None) -> "Lots":
    from gelombang import ring_file  # noqa: PLC0415 - slow to import
    from registration.lots import Lots  # noqa: PLC0415

    return Lots(ring_file.read(ring_file.locate(data_dir)))


def _lottery(wave: "Wave", lots: "Lots") -> "Lottery":
    from registration.store.waves import Lottery  # noqa: PLC0415 - slow to import
    from registration.waves import commitment  # noqa: PLC0415

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return Lottery(commitment(lots.lottery_seed(wave.number, nonce)), nonce)


def _local(moment: datetime) -> str:
    from registration.clock import WESTERN_INDONESIA_TIME  # noqa: PLC0415

    return f"{moment.astimezone(WESTERN_INDONESIA_TIME):%Y-%m-%d %H:%M}"
