"""The key ring, and what is done with it: personal data sealed, and found again without being readable.

Guarantee: nothing personal leaves this module in clear. A stolen database, dump or log shows ciphertext and keyed
digests only; without the ring neither can be turned back. Lose the ring and the data is lost with it.

The ring holds two kinds of secrets. *Sealing* keys rotate: the newest seals, any opens, the key's id stands in front of
the ciphertext. The *index* secret does not rotate online: primary keys, blind indexes and handles are derived from it.
"""

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registration.applicant import Applicant, Submission

SECRET_BYTES = 32
DIGEST_BYTES = 16
_KEY_ID_BYTES = 2
_NONCE_BYTES = 12


class KeyRingError(ValueError):
    """The key ring is missing, malformed, or lacks the key that something was sealed with."""


class SealedDataError(ValueError):
    """The ciphertext was changed, cut, or moved from another row or column."""


class KeyRing(msgspec.Struct, frozen=True):
    """Secrets of 32 bytes. `sealing` maps key id (1–65535) to secret; the highest id seals."""

    index: bytes
    sealing: Mapping[int, bytes]

    def __post_init__(self) -> None:
        secrets = [self.index, *self.sealing.values()]
        if not self.sealing or any(len(secret) != SECRET_BYTES for secret in secrets):
            raise KeyRingError("a key ring needs an index secret and at least one sealing key, each of 32 bytes")
        if not all(0 < key_id < 1 << 8 * _KEY_ID_BYTES for key_id in self.sealing):
            raise KeyRingError("ids of sealing keys lie between 1 and 65535")

    def __repr__(self) -> str:
        return f"KeyRing(sealing={sorted(self.sealing)})"

    @classmethod
    def generate(cls) -> "KeyRing":
        """Make a new ring from the system's randomness."""
        return cls(index=os.urandom(SECRET_BYTES), sealing={1: os.urandom(SECRET_BYTES)})

    @classmethod
    def load(cls, source: str) -> "KeyRing":
        """Read `GELOMBANG_KEYS`: JSON itself, or the path of a file that holds it. Raises `KeyRingError`."""
        try:
            text = source if source.lstrip().startswith("{") else Path(source).read_text(encoding="utf-8")
            return msgspec.json.decode(text, type=cls)
        except OSError as error:
            raise KeyRingError(f"the key ring cannot be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise KeyRingError(f"the key ring is malformed: {error}") from error
        except ValueError as error:  # not UTF-8, or no possible path: such errors quote what they met
            raise KeyRingError("the key ring is neither JSON nor the path of a JSON file") from error

    def to_json(self) -> str:
        """The form that `load` reads. Secret: store it with mode 0600."""
        return msgspec.json.encode(self).decode()

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key of its own for one purpose (HMAC as a key derivation function, NIST SP 800-108)."""
        return hmac.digest(self.index, purpose.encode(), "sha256")


class Sealer:
    """AES-256-GCM with the row as associated data: a ciphertext opens only where it was put."""

    def __init__(self, ring: KeyRing) -> None:
        self._ciphers = {key_id: AESGCM(secret) for key_id, secret in ring.sealing.items()}
        current = max(ring.sealing)
        self._prefix = current.to_bytes(_KEY_ID_BYTES, "big")
        self._encrypt = self._ciphers[current].encrypt
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Applicant).decode

    def seal(self, applicant: Applicant, registration_id: UUID) -> bytes:
        """Key id (2 bytes), nonce (12 bytes), ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._prefix + nonce + self._encrypt(nonce, self._encode(applicant), _row_context(registration_id))

    def unseal(self, sealed: bytes, registration_id: UUID) -> Applicant:
        """The applicant; raises `KeyRingError` for an unknown key and `SealedDataError` for a changed ciphertext."""
        key_id = int.from_bytes(sealed[:_KEY_ID_BYTES], "big")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyRingError(f"the key ring has no sealing key {key_id}")
        nonce_end = _KEY_ID_BYTES + _NONCE_BYTES
        try:
            plain = cipher.decrypt(sealed[_KEY_ID_BYTES:nonce_end], sealed[nonce_end:], _row_context(registration_id))
        except (InvalidTag, ValueError) as error:
            raise SealedDataError from error
        return self._decode(plain)


class Digests:
    """Keyed digests (HMAC-SHA256, 16 bytes): equal input gives equal output, and nothing can be read from one."""

    def __init__(self, ring: KeyRing) -> None:
        self._id_key = ring.derive("registration id")
        self._content_key = ring.derive("content")
        self._nik_key = ring.derive("nik")
        self._identity_key = ring.derive("identity")
        self._encode = msgspec.json.Encoder().encode

    def registration_id(self, idempotency_key: str) -> UUID:
        """The primary key: the same idempotency key always names the same row (ADR 0001)."""
        return UUID(bytes=_digest(self._id_key, idempotency_key.encode()))

    def content(self, submission: Submission) -> bytes:
        """Tells whether a repeated key comes with the content of the first time."""
        return _digest(self._content_key, self._encode(submission))

    def nik(self, nik: str) -> bytes:
        """The blind index of a NIK."""
        return _digest(self._nik_key, nik.encode())

    def identity(self, applicant: Applicant) -> bytes:
        """What the registry is asked about: NIK, name, birth place and date. Names differ by more than capitals."""
        parts = (applicant.nik, applicant.name.upper(), applicant.birth_place.upper(), applicant.birth_date)
        return _digest(self._identity_key, self._encode(parts))


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:DIGEST_BYTES]


def _row_context(registration_id: UUID) -> bytes:
    return b"registrations.sealed:" + registration_id.bytes
