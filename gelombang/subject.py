"""`gelombang subject export|erase`: what is held about one person, printed or destroyed (docs/subject-rights.md).

Guarantee: nothing is shown or destroyed without a line in the table `subject_actions`. If the command dies, either all
of it has happened or nothing; run it again.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gelombang import acting_user
from gelombang.errors import CommandError

if TYPE_CHECKING:
    from uuid import UUID

    from registration.sealing import KeyRing, Sealer
    from registration.store.database import Database
    from registration.store.subjects import Extent, Held, Note

EXIT_NOT_CONFIRMED = 2
WHOLE_TABLE_SECONDS = 600.0

app = typer.Typer(no_args_is_help=True)
Result = TypeVar("Result")

Handle = Annotated[str | None, typer.Option(help="One registration, by the handle that the person has; - reads it")]
Nik = Annotated[str | None, typer.Option(help="All of a NIK; - reads it from standard input, so that no list shows it")]
Reason = Annotated[str, typer.Option(help="Why, for the audit: a ticket's number, nothing personal")]
DataDir = Annotated[Path | None, typer.Option(help="Data dir of a local stack")]


@app.command()
def export(
    *,
    reason: Reason,
    handle: Handle = None,
    nik: Nik = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file, with mode 0600, instead of printing")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print everything that is held about a person, as JSON. Notes who did it and why."""
    from gelombang.connecting import settings  # noqa: PLC0415 - slow to import
    from gelombang.data_directory import write_whole  # noqa: PLC0415
    from gelombang.pictures import Pictures  # noqa: PLC0415
    from registration.sealing import Sealer  # noqa: PLC0415
    from registration.store import subjects  # noqa: PLC0415

    ring = _ring(data_dir)
    note, sealer, objects_url = _note(reason), Sealer(ring), settings(data_dir).objects_url

    async def read(database: "Database", ids: "Sequence[UUID]") -> "tuple[Sequence[Held], Mapping[UUID, Any]]":
        held = await subjects.export(database, ids, note)
        pictures = Pictures(database=database, objects_url=objects_url, sealer=sealer)
        return held, await pictures.of([item.id for item in held])

    held, pictures = _with_subject(ring, handle, nik, data_dir, use=read)
    text = json.dumps(_document(held, pictures, ring, sealer), ensure_ascii=False, indent=2)
    if out is None:
        print(text)
        return
    try:
        write_whole(out, f"{text}\n")
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}") from None
    print(f"{len(held)} registrations written to {out}")


@app.command()
def erase(
    *,
    reason: Reason,
    handle: Handle = None,
    nik: Nik = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this only tell what would be erased")] = False,
    data_dir: DataDir = None,
) -> None:
    """Destroy everything that is held about a person, for ever. Notes who did it and why."""
    from registration.store import subjects  # noqa: PLC0415 - slow to import

    note = _note(reason)
    action = subjects.erase if yes else subjects.preview
    extent = _with_subject(
        _ring(data_dir), handle, nik, data_dir, use=lambda database, ids: action(database, ids, note)
    )
    if not extent.registrations:
        print("nothing is held about this person")
    elif yes:
        print(f"erased: {_counts(extent)}, {_many(extent.registry_verdicts, 'verdict')} of the registry")
        print("Backups still hold it until they expire: docs/subject-rights.md")
    else:
        print(f"would be erased, for ever: {_counts(extent)}, and what the registry said. Add --yes to do it.")
        raise typer.Exit(EXIT_NOT_CONFIRMED)


def _ring(data_dir: Path | None) -> "KeyRing":
    from gelombang import ring_file  # noqa: PLC0415 - slow to import

    return ring_file.read(ring_file.locate(data_dir))


def _note(reason: str) -> "Note":
    from registration.store.subjects import Note  # noqa: PLC0415 - slow to import

    if not reason.strip():
        raise CommandError("--reason must say why, for the audit.")
    return Note(actor=acting_user.name(), reason=reason.strip())


def _with_subject(
    ring: "KeyRing",
    handle: str | None,
    nik: str | None,
    data_dir: Path | None,
    *,
    use: "Callable[[Database, Sequence[UUID]], Awaitable[Result]]",
) -> Result:
    """The result of `use` over the registrations that are meant."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import

    find = _finder(ring, handle, nik)

    async def run(database: "Database") -> Result:
        return await use(database, await find(database))

    return with_database(run, data_dir, timeout_seconds=WHOLE_TABLE_SECONDS)


def _finder(ring: "KeyRing", handle: str | None, nik: str | None) -> "Callable[[Database], Awaitable[Sequence[UUID]]]":
    """What finds the registrations; raises `CommandError` unless exactly one of the two is given and can be one."""
    from registration import nik as niks  # noqa: PLC0415 - slow to import
    from registration.digests import Digests  # noqa: PLC0415
    from registration.handles import Handles  # noqa: PLC0415
    from registration.store import subjects  # noqa: PLC0415

    if (handle is None) == (nik is None):
        raise CommandError("say who is meant: either --handle or --nik.")
    handle, nik = (sys.stdin.readline().strip() if text == "-" else text for text in (handle, nik))
    if nik is not None:
        try:
            digest = Digests(ring).nik(niks.parse(nik.replace(" ", "")).text)
        except niks.NikFormatError:
            raise CommandError("this cannot be a NIK.") from None
        return lambda database: subjects.find(database, digest)
    registration_id = Handles(ring).verify(handle or "")
    if registration_id is None:
        raise CommandError("this handle was not given out by this system.")

    async def found(_database: "Database") -> "Sequence[UUID]":
        return [registration_id]

    return found


def _document(
    held: "Sequence[Held]", pictures: "Mapping[UUID, Any]", ring: "KeyRing", sealer: "Sealer"
) -> Mapping[str, Any]:
    from datetime import UTC, datetime  # noqa: PLC0415

    from registration.handles import Handles  # noqa: PLC0415 - slow to import

    handles = Handles(ring)
    return {
        "exported_at": datetime.now(UTC).isoformat(),
        "registrations": [
            {"handle": handles.sign(item.id), **_registration(item, pictures.get(item.id), sealer)} for item in held
        ],
    }


def _registration(held: "Held", picture: Any, sealer: "Sealer") -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    """One registration, with the columns of each check gathered under its kind, and the picture with its photo."""
    from registration.checks import Kind  # noqa: PLC0415 - slow to import

    rest = dict(held.registration)
    checks = {
        kind.value: {
            name.removeprefix(f"{kind}_"): rest.pop(name) for name in list(rest) if name.startswith(f"{kind}_")
        }
        for kind in Kind
    }
    return {
        **rest,
        "submitted": _submitted(held, sealer),
        "checks": {kind: check for kind, check in checks.items() if check["state"] is not None},
        "registry_verdict": held.registry_verdict,
        "owns_nik_since": held.owns_nik_since,
        "challenges": held.challenges,
        "dead_letters": held.dead_letters,
        "assessments": held.assessments,
        "joins": held.joins,
        "announcements": held.announcements,
        "benefits_of_wave": held.benefits_of_wave,
        "listed_by": held.listed_by,
        "corrections": held.corrections,
        # What never came whole is told by its size and times only, and gone within a day.
        "photos": [photo if photo["completed_at"] is None else {**photo, "picture": picture} for photo in held.photos],
        "actions": held.actions,
    }


def _submitted(held: "Held", sealer: "Sealer") -> Any:  # noqa: ANN401 - JSON
    """The data in clear; where it cannot be opened, that is said in its place."""
    import msgspec  # noqa: PLC0415 - slow to import

    from registration.sealing import KeyRingError, SealedDataError  # noqa: PLC0415

    try:
        return msgspec.to_builtins(sealer.unseal(held.sealed, held.id))
    except KeyRingError as error:
        return {"unreadable": str(error)}
    except SealedDataError:
        return {"unreadable": "the sealed data was changed"}


def _counts(extent: "Extent") -> str:
    return ", ".join(
        (
            _many(extent.registrations, "registration"),
            _many(extent.challenges, "challenge"),
            _many(extent.dead_letters, "dead letter"),
            _many(extent.photos, "photo"),
            f"ownership of {_many(extent.nik_owners, 'NIK')}",
        )
    )


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
