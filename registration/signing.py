"""Files signed with the key ring: a payload and its signature (HMAC-SHA256 under a key for each purpose).

Whoever has no key ring can neither make such a file nor change one; only who has it can check one.
"""

import hmac

import msgspec

from registration.sealing import KeyRing


class Record(msgspec.Struct, frozen=True):
    """A payload, byte for byte as it was signed, and its signature in hexadecimal."""

    payload: msgspec.Raw
    signature: str


def signed(payload: msgspec.Struct, ring: KeyRing, *, purpose: str) -> bytes:
    """The file."""
    content = msgspec.json.encode(payload)
    return msgspec.json.encode(Record(msgspec.Raw(content), _signature(content, ring, purpose))) + b"\n"


def is_genuine(record: Record, ring: KeyRing, *, purpose: str) -> bool:
    """Whether this ring signed the payload as it is."""
    return hmac.compare_digest(record.signature, _signature(bytes(record.payload), ring, purpose))


def _signature(content: bytes, ring: KeyRing, purpose: str) -> str:
    return hmac.digest(ring.derive(purpose), content, "sha256").hex()
