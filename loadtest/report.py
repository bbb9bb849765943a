"""Judges a run: who got what they deserved, who did not, and whether the run says anything at all.

Pure: nothing is lost if the process dies that was not shown yet.
"""

import enum
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from loadtest.personas import PERSONAS, End, Persona
from loadtest.record import Record


class ExitCode(enum.IntEnum):
    """How a trial ends; 3 is left to what the environment lacks."""

    AS_DESERVED = 0
    OTHERWISE = 1
    NOT_VALID = 2


class PersonaRow(msgspec.Struct, frozen=True):
    """How one persona fared."""

    name: str
    does: str
    deserves: str
    count: int
    as_deserved: int


class Otherwise(msgspec.Struct, frozen=True):
    """An applicant who did not get what they deserved, or of whom that was not seen in time."""

    handle: str
    persona: str
    deserves: str
    seen: str


class Spread(msgspec.Struct, frozen=True):
    """How a duration is spread over the applicants, in seconds."""

    median: float
    p99: float
    longest: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run comes to. `not_valid` says why its ends prove nothing, if they do not."""

    seed: int
    count: int
    offered_per_second: float | None
    seconds: float
    not_valid: str | None
    personas: tuple[PersonaRow, ...]
    otherwise: tuple[Otherwise, ...]
    late_seconds: Spread | None
    receipt_seconds: Spread | None
    retries: int
    answers: Mapping[str, Mapping[str, int]]

    @property
    def exit_code(self) -> ExitCode:
        """The command's exit code."""
        if self.not_valid is not None:
            return ExitCode.NOT_VALID
        return ExitCode.OTHERWISE if self.otherwise else ExitCode.AS_DESERVED

    def to_json(self) -> bytes:
        """The report for programs: its fields by their names, and `exit_code`."""
        content = msgspec.to_builtins(self) | {"exit_code": self.exit_code}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def judge(records: Sequence[Record]) -> dict[Record, str]:
    """Everybody who did not get what they deserved, with what was seen of them."""
    found = {}
    rivals: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        rivals[record.applicant.nik_owner].append(record)
        if record.ended_at is None or record.flaws or not record.as_deserved:
            found[record] = _what_was_seen(record)
    for pair in rivals.values():
        owners = sum(record.seen == End() for record in pair)
        if len(pair) > 1 and owners != 1:
            found |= {record: f"{_what_was_seen(record)}; {owners} of the pair are complete" for record in pair}
    return found


def persona_rows(records: Sequence[Record], found: Mapping[Record, str]) -> tuple[PersonaRow, ...]:
    """One row for each persona that took part, in the order of the table."""
    total = Counter(record.applicant.persona.name for record in records)
    odd = Counter(record.applicant.persona.name for record in found)
    return tuple(
        PersonaRow(
            persona.name, persona.does, deserved(persona), total[persona.name], total[persona.name] - odd[persona.name]
        )
        for persona in PERSONAS
        if total[persona.name]
    )


def otherwise_rows(found: Mapping[Record, str]) -> tuple[Otherwise, ...]:
    """One row for each applicant in `found`."""
    return tuple(
        Otherwise(
            record.handle or f"applicant {record.applicant.index}, no receipt",
            record.applicant.persona.name,
            deserved(record.applicant.persona),
            what,
        )
        for record, what in found.items()
    )


def deserved(persona: Persona) -> str:
    """The ends that a persona may come to, in words."""
    return " / ".join(map(str, persona.deserves))


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of some durations, or None when there are none."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return Spread(*(round(ordered[round(share * last)], 4) for share in (0.5, 0.99, 1.0)))


def _what_was_seen(record: Record) -> str:
    said = [str(record.seen) if record.seen else "no status"]
    if record.ended_at is None:
        said.append("not over yet")
    said += record.flaws
    if record.trouble:
        said.append(f"last trouble: {record.trouble}")
    return "; ".join(said)
