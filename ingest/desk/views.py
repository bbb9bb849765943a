"""What the call-centre page shows of one registration, made from what is held about it. Pure.

Shown are states, causes and times. Not shown: the answers and scores of a test, and where somebody came in a wave,
which nobody may know before it is announced.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingest import wording
from ingest.desk.masking import Masked
from ingest.pages.moments import moment_in_words
from ingest.wording import StateText
from registration.checks import OPEN_STATES, Check, Kind, State, overall
from registration.store.subjects import Held

SENT_TO_PEOPLE = (Kind.EMAIL, Kind.PHONE)
_NOTHING = "–"
_NEVER = "infinity"  # PostgreSQL's word for the due time of what was set aside
_CHECK_COLUMNS = ("state", "reason", "cause", "attempts", "updated_at")
_OPEN_CHECK_COLUMNS = (*_CHECK_COLUMNS, "due_at")
HISTORY: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "challenges": (
        "Tautan dan kode yang dikirim",
        ("kind", "generation", "created_at", "sent_at", "expires_at", "tries"),
    ),
    "dead_letters": ("Disisihkan (dead letter)", ("kind", "cause", "attempts", "died_at", "closed_at")),
    "corrections": ("Koreksi oleh pendaftar", ("number", "fields", "corrected_at")),
    "photos": ("Foto", ("size_bytes", "received_bytes", "started_at", "completed_at", "cleaned_at")),
    "assessments": ("Tes", ("wave", "started_at", "deadline_at", "submitted_at", "scored_at")),
    "joins": ("Ikut gelombang", ("wave", "joined_at")),
    "announcements": ("Pemberitahuan hasil", ("wave", "channel", "attempts", "sent_at", "cause")),
    "actions": ("Tindakan petugas", ("acted_at", "action", "about", "actor", "reason")),
}
"""The tables of the history: which part of `Held`, its title, and the columns that are shown of it."""


class Table(msgspec.Struct, frozen=True):
    """One part of the history, cells in words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class CheckLine(msgspec.Struct, frozen=True):
    """One check: its technical columns, and what the applicant reads of it."""

    kind: Kind
    state: State
    cells: tuple[tuple[str, str], ...]
    said: str


class DeskView(msgspec.Struct, frozen=True):
    """One registration. `person` is None where the sealed data cannot be opened."""

    received_at: str
    state: StateText
    person: Masked | None
    checks: tuple[CheckLine, ...]
    history: tuple[Table, ...]
    sendable: tuple[Kind, ...]


def desk_view(held: Held, person: Masked | None, needed: Collection[Kind]) -> DeskView:
    """What is shown of a registration; `needed` are the checks that make it complete."""
    checks = checks_of(held)
    state = overall(checks, needed)
    return DeskView(
        received_at=_cell("received_at", held.registration["received_at"]),
        state=wording.overall_state(state, "id"),
        person=person,
        checks=tuple(_check_line(held, kind, check) for kind, check in checks.items()),
        history=tuple(_table(title, columns, getattr(held, part)) for part, (title, columns) in HISTORY.items()),
        sendable=tuple(kind for kind in SENT_TO_PEOPLE if checks[kind].state is State.SENT),
    )


def checks_of(held: Held) -> dict[Kind, Check]:
    """The checks that there are: a photo's only from when one was sent."""
    columns = held.registration
    return {
        kind: Check(
            state=State(columns[f"{kind}_state"]),
            reason=columns[f"{kind}_reason"],
            updated_at=datetime.fromisoformat(columns[f"{kind}_updated_at"]),
        )
        for kind in Kind
        if columns[f"{kind}_state"] is not None
    }


def _check_line(held: Held, kind: Kind, check: Check) -> CheckLine:
    said = wording.check_state(kind, check.state, "id")
    advice = wording.reason(check.reason, "id") if check.reason else said
    columns = _OPEN_CHECK_COLUMNS if check.state in OPEN_STATES else _CHECK_COLUMNS
    cells = tuple((name, _cell(name, held.registration[f"{kind}_{name}"])) for name in columns)
    return CheckLine(kind=kind, state=check.state, cells=cells, said=f"{said.word}. {advice.meaning} {advice.action}")


def _table(title: str, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(title, columns, tuple(tuple(_cell(name, row[name]) for name in columns) for row in rows))


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 - PostgreSQL's JSON
    if value is None or value == []:
        return _NOTHING
    if isinstance(value, list):
        return ", ".join(value)
    if name.endswith("_at"):
        return "tidak dicoba lagi" if value == _NEVER else moment_in_words(datetime.fromisoformat(value), "id")
    return str(value)
