"""Keyed digests: equal input gives equal output, and without the key ring nothing can be read from one.

BLAKE2b in its keyed mode (RFC 7693) at 16 bytes. It gives what HMAC-SHA256 gives, in a third of the time, and the
accept path takes five of them per registration (ADR 0011).
"""

import hashlib
from collections.abc import Callable
from uuid import UUID

import msgspec

from registration.applicant import Applicant, Submission
from registration.sealing import KeyRing

DIGEST_BYTES = 16


class KeyedDigest:
    """A digest of `size` bytes under a key of its own for one purpose."""

    def __init__(self, ring: KeyRing, purpose: str, *, size: int = DIGEST_BYTES) -> None:
        self._base = hashlib.blake2b(key=ring.derive(purpose), digest_size=size)

    def __call__(self, message: bytes) -> bytes:
        """The digest of a message."""
        digest = self._base.copy()
        digest.update(message)
        return digest.digest()


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=raw)


class Digests:
    """What a registration is found by. `make_id` may give a quicker kind of UUID (the database driver has one)."""

    def __init__(self, ring: KeyRing, make_id: Callable[[bytes], UUID] = _uuid) -> None:
        self._id = KeyedDigest(ring, "registration id")
        self._content = KeyedDigest(ring, "content")
        self._nik = KeyedDigest(ring, "nik")
        self._identity = KeyedDigest(ring, "identity")
        self._make_id = make_id
        self._encode = msgspec.json.Encoder().encode

    def registration_id(self, idempotency_key: str) -> UUID:
        """The primary key: the same idempotency key always names the same row (ADR 0001)."""
        return self._make_id(self._id(idempotency_key.encode()))

    def content(self, submission: Submission) -> bytes:
        """Tells whether a repeated key comes with the content of the first time."""
        return self._content(self._encode(submission))

    def nik(self, nik: str) -> bytes:
        """The blind index of a NIK."""
        return self._nik(nik.encode())

    def identity(self, applicant: Applicant) -> bytes:
        """What the registry is asked about: NIK, name, birth place and date. Names differ by more than capitals."""
        parts = (applicant.nik, applicant.name.upper(), applicant.birth_place.upper(), applicant.birth_date)
        return self._identity(self._encode(parts))
