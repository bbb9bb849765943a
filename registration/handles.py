"""What is handed to an applicant: the handle of a registration, the token of a mail link, the code of a text message.

Guarantee: each is derived with a key outside PostgreSQL, so a stolen database holds none of them, and a mail that goes
out twice carries the same link. Single use, expiry and the number of tries are kept in PostgreSQL (table `challenges`).
"""

import base64
import hmac
from uuid import UUID

import msgspec

from registration.checks import Kind
from registration.digests import KeyedDigest
from registration.sealing import KeyRing

_ID_BYTES = 16
PHONE_CODE_DIGITS = 6
# The limits that the letters and pages name. They guard against guessing and pumping (docs/threat-model.md), so they
# are no settings.
EMAIL_LINK_SECONDS = 24 * 3_600.0
PHONE_CODE_SECONDS = 10 * 60.0
PHONE_CODE_TRIES = 5
CHALLENGES_PER_HOUR = 3
CORRECTIONS_PER_HOUR = 5


class Handles:
    """Public names of registrations: `base64url(id, tag)`, 40 characters, unguessable and refused without a look-up."""

    _TAG_BYTES = 14
    LENGTH = 40

    def __init__(self, ring: KeyRing) -> None:
        self._tag = KeyedDigest(ring, "handle", size=self._TAG_BYTES)

    def sign(self, registration_id: UUID) -> str:
        """The handle; the same for the same registration for ever."""
        raw = registration_id.bytes
        return base64.urlsafe_b64encode(raw + self._tag(raw)).decode()

    def verify(self, handle: str) -> UUID | None:
        """The registration's id, or None for anything that was not signed with this ring."""
        raw = _decode(handle, self.LENGTH)
        if raw is None or not hmac.compare_digest(raw[_ID_BYTES:], self._tag(raw[:_ID_BYTES])):
            return None
        return UUID(bytes=raw[:_ID_BYTES])


class EmailToken(msgspec.Struct, frozen=True):
    """What a genuine mail link names: a registration, and which of its links it is."""

    registration_id: UUID
    generation: int


class Challenges:
    """Secrets that prove that an applicant can read a mailbox or a phone.

    `generation` counts the links or codes of one registration; asking again or correcting the address makes the earlier
    ones worthless, since only the newest generation is accepted.
    """

    _GENERATION_BYTES = 2
    _FILLING = b"\0"  # to a multiple of three bytes, which base64 writes without padding
    TOKEN_LENGTH = 68

    def __init__(self, ring: KeyRing) -> None:
        self._keys = {kind: ring.derive(f"challenge {kind}") for kind in (Kind.EMAIL, Kind.PHONE)}

    def email_token(self, registration_id: UUID, generation: int) -> str:
        """`base64url(id, generation, 256-bit secret)`, for the path of the link."""
        claim = registration_id.bytes + generation.to_bytes(self._GENERATION_BYTES, "big")
        return base64.urlsafe_b64encode(claim + self._secret(Kind.EMAIL, claim) + self._FILLING).decode()

    def read_email_token(self, token: str) -> EmailToken | None:
        """What the token names, or None for anything that was not made with this ring."""
        raw = _decode(token, self.TOKEN_LENGTH)
        if raw is None:
            return None
        end = _ID_BYTES + self._GENERATION_BYTES
        claim = raw[:end]
        if not hmac.compare_digest(raw[end:], self._secret(Kind.EMAIL, claim) + self._FILLING):
            return None
        return EmailToken(UUID(bytes=claim[:_ID_BYTES]), int.from_bytes(claim[_ID_BYTES:], "big"))

    def phone_code(self, registration_id: UUID, generation: int) -> str:
        """Six digits. Guessing is bounded by the tries that PostgreSQL counts, not by their number."""
        claim = registration_id.bytes + generation.to_bytes(self._GENERATION_BYTES, "big")
        number = int.from_bytes(self._secret(Kind.PHONE, claim), "big") % 10**PHONE_CODE_DIGITS
        return f"{number:0{PHONE_CODE_DIGITS}}"

    def _secret(self, kind: Kind, claim: bytes) -> bytes:
        return hmac.digest(self._keys[kind], claim, "sha256")


def _decode(text: str, length: int) -> bytes | None:
    # `b64decode` would also take the standard alphabet's signs: then one handle had several spellings.
    if len(text) != length or "+" in text or "/" in text:
        return None
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return None
