"""The record of a proof: plan, evidence and verdict, signed with the key ring, with an end to its validity.

The signature (HMAC-SHA256 under a key of its own, derived from the ring's index secret) covers every byte of the
payload: whoever has no key ring can neither make a record nor change one. A proof speaks for one commit, one
configuration and one plan, and for some days; for anything else it is refused.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from loadtest.proof.evidence import Evidence
from loadtest.proof.plan import Plan
from loadtest.proof.verdict import ExitCode, Verdict
from registration import signing
from registration.sealing import KeyRing

_PURPOSE = "capacity proof"
_CHANGED = " with changes"


class RecordError(ValueError):
    """The file is no record of a proof."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed."""

    plan: Plan
    evidence: Evidence
    verdict: Verdict
    expires_at: str


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """What a record has to fit: None where nobody can tell, or where it is not asked."""

    at: datetime
    commit: str
    same_code: Callable[[str], bool]
    config_digest: str
    plan_digest: str | None


def make(plan: Plan, evidence: Evidence, verdict: Verdict) -> Payload:
    """The payload of a proof that has just ended."""
    ended_at = datetime.fromisoformat(evidence.ended_at)
    expires_at = (ended_at + timedelta(days=plan.valid_days)).isoformat(timespec="seconds")
    return Payload(plan=plan, evidence=evidence, verdict=verdict, expires_at=expires_at)


def signed(payload: Payload, ring: KeyRing) -> bytes:
    """The file."""
    return signing.signed(payload, ring, purpose=_PURPOSE)


def read(path: Path) -> tuple[Payload, signing.Record]:
    """A record, whoever signed it; raises `RecordError` and OSError."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=signing.Record)
        return msgspec.json.decode(record.payload, type=Payload), record
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} is no record of a proof: {error}") from error


def check(payload: Payload, record: signing.Record, ring: KeyRing, now: Now) -> tuple[ExitCode, tuple[str, ...]]:
    """What the record is worth here and now, with the reasons against it."""
    against = tuple(_against(payload, record, ring, now))
    if against:
        return ExitCode.NOT_VALID, against
    return payload.verdict.exit_code, payload.verdict.reasons


def _against(payload: Payload, record: signing.Record, ring: KeyRing, now: Now) -> Iterator[str]:
    if not signing.is_genuine(record, ring, purpose=_PURPOSE):
        yield "the signature is not this key ring's: the record was changed, or made elsewhere"
        return
    found = payload.evidence.surroundings
    if now.at >= datetime.fromisoformat(payload.expires_at):
        yield f"the proof is stale: it was good until {payload.expires_at}"
    proven = found.commit.removesuffix(_CHANGED)
    if found.commit.endswith(_CHANGED):
        yield f"the proof is of commit {proven} with changes that were in no commit"
    elif proven != now.commit.removesuffix(_CHANGED) and not now.same_code(proven):
        yield f"the proof is of another commit: {proven}, and not {now.commit}"
    if found.config_digest != now.config_digest:
        yield f"the proof is of other settings: {found.config_digest}, and not {now.config_digest}"
    if now.plan_digest is not None and found.plan_digest != now.plan_digest:
        yield f"the proof is of another plan: {found.plan_digest}, and not {now.plan_digest}"
