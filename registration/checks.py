"""The checks of a registration: their states, their legal moves as one table, and what follows for the whole.

A check moves only along `MOVES`. Workers and the front door hand the table's from-states to the store, whose
compare-and-set refuses every other move, so a stale or repeated write changes nothing (ADR 0003).

Pure: standard library and msgspec only.
"""

import enum
from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec


class Kind(enum.StrEnum):
    """What is checked, each by its own workers."""

    NIK = "nik"
    EMAIL = "email"
    PHONE = "phone"
    PHOTO = "photo"
    STUDENT = "student"


# What is checked of every registration from the start. A photo is checked from when one was sent (ADR 0022), whether
# somebody studies from when the NIK is verified (ADR 0024): until then the check is not there.
FROM_THE_START = (Kind.NIK, Kind.EMAIL, Kind.PHONE)


class State(enum.StrEnum):
    """Where a check stands; the words of the public contract."""

    PENDING = "pending"
    SENT = "sent"
    VERIFIED = "verified"
    REJECTED = "rejected"
    DELAYED = "delayed"


class Overall(enum.StrEnum):
    """Where a registration stands."""

    OPEN = "open"
    COMPLETE = "complete"
    REJECTED = "rejected"


class Reason(enum.StrEnum):
    """Why a check is rejected: an explicit answer of the outside that the applicant can act on."""

    NAME_MISMATCH = "name_mismatch"
    BIRTH_DATE_MISMATCH = "birth_date_mismatch"
    BIRTH_PLACE_MISMATCH = "birth_place_mismatch"
    INACTIVE = "inactive"
    NOT_FOUND = "not_found"
    NIK_ALREADY_REGISTERED = "nik_already_registered"
    IS_STUDENT = "is_student"
    EMAIL_UNDELIVERABLE = "email_undeliverable"
    PHONE_UNREACHABLE = "phone_unreachable"
    PHOTO_NOT_READABLE = "photo_not_readable"
    PHOTO_TOO_SMALL = "photo_too_small"
    PHOTO_TOO_LARGE = "photo_too_large"
    PHOTO_TOO_DARK = "photo_too_dark"
    PHOTO_TOO_BRIGHT = "photo_too_bright"
    PHOTO_BLURRED = "photo_blurred"


class Move(enum.StrEnum):
    """What can happen to a check."""

    SEND = "send"  # the worker's mail or code went out
    VERIFY = "verify"  # the registry agreed, or the picture can be used
    ANSWER = "answer"  # the applicant followed the link or typed the code
    REJECT = "reject"  # the outside said no
    DELAY = "delay"  # the system's trouble, or a dead letter
    RESEND = "resend"  # the applicant asked for a new link or code
    CORRECT = "correct"  # the applicant mended a rejected field
    UPLOAD = "upload"  # the applicant sent another photo
    RECHECK = "recheck"  # the applicant, who has left school, asked for the check again
    OUTRUN = "outrun"  # another registration already owns the NIK


class Step(msgspec.Struct, frozen=True):
    """One legal move: from which states, to which."""

    sources: frozenset[State]
    target: State


# Work that a worker may take: what the relay looks for and what a worker's write expects to find.
OPEN_STATES = frozenset({State.PENDING, State.DELAYED})

_EVERY_KIND = {
    Move.REJECT: Step(OPEN_STATES, State.REJECTED),
    Move.DELAY: Step(OPEN_STATES, State.DELAYED),
    Move.CORRECT: Step(frozenset({State.REJECTED}), State.PENDING),
}
_CHALLENGE = {
    **_EVERY_KIND,
    Move.SEND: Step(OPEN_STATES, State.SENT),
    # Also from the open states: the mail can arrive and be answered before the worker's own write.
    Move.ANSWER: Step(OPEN_STATES | {State.SENT}, State.VERIFIED),
    Move.RESEND: Step(frozenset({State.SENT}), State.PENDING),
}

MOVES: Mapping[Kind, Mapping[Move, Step]] = MappingProxyType(
    {
        Kind.NIK: MappingProxyType(
            {
                **_EVERY_KIND,
                Move.VERIFY: Step(OPEN_STATES, State.VERIFIED),
                Move.OUTRUN: Step(OPEN_STATES | {State.VERIFIED}, State.REJECTED),
            }
        ),
        Kind.EMAIL: MappingProxyType(_CHALLENGE),
        Kind.PHONE: MappingProxyType(_CHALLENGE),
        Kind.PHOTO: MappingProxyType(
            {
                Move.REJECT: _EVERY_KIND[Move.REJECT],
                Move.DELAY: _EVERY_KIND[Move.DELAY],
                Move.VERIFY: Step(OPEN_STATES, State.VERIFIED),
                # The first upload begins the check, from no state at all.
                Move.UPLOAD: Step(OPEN_STATES | {State.REJECTED}, State.PENDING),
            }
        ),
        Kind.STUDENT: MappingProxyType(
            {
                Move.REJECT: _EVERY_KIND[Move.REJECT],
                Move.DELAY: _EVERY_KIND[Move.DELAY],
                Move.VERIFY: Step(OPEN_STATES, State.VERIFIED),
                Move.RECHECK: Step(frozenset({State.REJECTED}), State.PENDING),
            }
        ),
    }
)


# Which fields each kind checks, and which of them mend a rejection. A name or date that differs can also mean that a
# mistyped NIK is somebody else's, so the NIK may be corrected with either. `nik_already_registered` mends nothing: the
# registry agreed with every field.
FIELDS_OF: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.NIK: ("name", "birth_place", "birth_date", "nik"),
        Kind.EMAIL: ("email",),
        Kind.PHONE: ("phone",),
        Kind.PHOTO: (),
        Kind.STUDENT: (),
    }
)
CORRECTABLE: Mapping[Reason, tuple[str, ...]] = MappingProxyType(
    {
        Reason.NAME_MISMATCH: ("name", "nik"),
        Reason.BIRTH_DATE_MISMATCH: ("birth_date", "nik"),
        Reason.BIRTH_PLACE_MISMATCH: ("birth_place", "nik"),
        Reason.INACTIVE: ("nik",),
        Reason.NOT_FOUND: ("nik",),
        Reason.NIK_ALREADY_REGISTERED: (),
        Reason.EMAIL_UNDELIVERABLE: ("email",),
        Reason.PHONE_UNREACHABLE: ("phone",),
        # No field: time mends it, and the check is asked for again.
        Reason.IS_STUDENT: (),
        # No field: another photo mends it.
        Reason.PHOTO_NOT_READABLE: (),
        Reason.PHOTO_TOO_SMALL: (),
        Reason.PHOTO_TOO_LARGE: (),
        Reason.PHOTO_TOO_DARK: (),
        Reason.PHOTO_TOO_BRIGHT: (),
        Reason.PHOTO_BLURRED: (),
    }
)


class Check(msgspec.Struct, frozen=True):
    """One check as the applicant sees it. `reason` is set only when rejected."""

    state: State
    reason: str | None
    updated_at: datetime


def correctable(check: Check) -> tuple[str, ...]:
    """The fields that mend a check, in the order of what is most likely wrong; none unless it is rejected."""
    return CORRECTABLE[Reason(check.reason)] if check.state is State.REJECTED and check.reason else ()


def overall(checks: Mapping[Kind, Check], needed: Collection[Kind] = FROM_THE_START) -> Overall:
    """What the needed checks together say: one rejected rejects, all verified completes. Others change nothing."""
    states = [checks[kind].state if kind in checks else None for kind in needed]
    if State.REJECTED in states:
        return Overall.REJECTED
    if all(state is State.VERIFIED for state in states):
        return Overall.COMPLETE
    return Overall.OPEN
