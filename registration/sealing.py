"""The key ring, and what is done with it: personal data sealed, and found again without being readable.

Guarantee: nothing personal leaves this module in clear. A stolen database, dump or log shows ciphertext and keyed
digests only; without the ring neither can be turned back. Lose the ring and the data is lost with it.

The ring holds two kinds of secrets. *Sealing* keys rotate: the newest seals, any opens, the key's id stands in front of
the ciphertext. The *index* secret does not rotate online: primary keys, blind indexes and handles are derived from it.

Rotation needs no restart: a `Sealer` looks at its source now and then, and at once when it meets a key that it does not
have. Nothing is written here; if the process dies, the next one reads the source as it then is.
"""

import hmac
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from uuid import UUID

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registration.applicant import Applicant
from registration.nonces import Nonces

log = structlog.get_logger(__name__)

# How often a process looks whether its ring has changed; `gelombang keys` waits for a few of these.
LOOK_SECONDS = 2.0
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
        """Read `GELOMBANG_KEYS` once, as a `KeyRingSource` does. Raises `KeyRingError`."""
        return KeyRingSource(source).read()

    def rotated(self) -> "KeyRing":
        """The ring with a new sealing key, which seals from then on. Raises `KeyRingError` when no id is left."""
        return KeyRing(self.index, {**self.sealing, self.newest + 1: os.urandom(SECRET_BYTES)})

    def without(self, key_id: int) -> "KeyRing":
        """The ring without one of its sealing keys. Raises `KeyRingError` when it was the last."""
        return KeyRing(self.index, {other: secret for other, secret in self.sealing.items() if other != key_id})

    @property
    def newest(self) -> int:
        """The id of the key that seals."""
        return max(self.sealing)

    def contradicts(self, other: "KeyRing") -> bool:
        """Whether this is no earlier or later state of the other: it has another secret in the same place."""
        shared = self.sealing.keys() & other.sealing.keys()
        return self.index != other.index or any(self.sealing[key_id] != other.sealing[key_id] for key_id in shared)

    def to_json(self) -> str:
        """The form that `load` reads. Secret: store it with mode 0600."""
        return msgspec.json.encode(self).decode()

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key of its own for one purpose (HMAC as a key derivation function, NIST SP 800-108)."""
        return hmac.digest(self.index, purpose.encode(), "sha256")


class KeyRingSource:
    """Where a ring is kept: `GELOMBANG_KEYS` is JSON itself, or the path of a file that holds it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.path = None if text.lstrip().startswith("{") else Path(text)

    def read(self) -> KeyRing:
        """The ring as it stands there now. Raises `KeyRingError`, which quotes no secret. Blocks for a small file."""
        try:
            text = self._text if self.path is None else self.path.read_text(encoding="utf-8")
            return msgspec.json.decode(text, type=KeyRing)
        except OSError as error:
            raise KeyRingError(f"the key ring cannot be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise KeyRingError(f"the key ring is malformed: {error}") from error
        except ValueError as error:  # not UTF-8, or no possible path: such errors quote what they met
            raise KeyRingError("the key ring is neither JSON nor the path of a JSON file") from error

    def mark(self) -> Hashable:
        """What is another one once the file was written, replaced or removed; costs a few microseconds."""
        try:
            found = None if self.path is None else self.path.stat()
        except (OSError, ValueError):
            return None
        return found and (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Sealer:
    """AES-256-GCM with the row as associated data: a ciphertext opens only where it was put.

    With a `source` it keeps up with rotations: call `look` now and then. What it could ever open it opens as long as
    it lives, also after the key has left the ring.
    """

    def __init__(self, ring: KeyRing, source: KeyRingSource | None = None) -> None:
        self._ring = ring
        self._source = source
        self._seen: Hashable = None
        self._ciphers: dict[int, AESGCM] = {}
        self._take_up(ring)
        self._nonces = Nonces(_NONCE_BYTES)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Applicant).decode

    @property
    def newest(self) -> int:
        """The id of the key that seals now."""
        return self._ring.newest

    def seal(self, applicant: Applicant, registration_id: UUID) -> bytes:
        """Key id (2 bytes), nonce (12 bytes), ciphertext and tag."""
        nonce = self._nonces.take()
        return self._prefix + nonce + self._encrypt(nonce, self._encode(applicant), _row_context(registration_id))

    def seal_key(self, secret: bytes, context: bytes) -> bytes:
        """Seal a key of its own for one thing; it opens with the same context only."""
        nonce = self._nonces.take()
        return self._prefix + nonce + self._encrypt(nonce, secret, context)

    def unseal_key(self, sealed: bytes, context: bytes) -> bytes:
        """Open what `seal_key` sealed; raises as `unseal` does."""
        return self._open(sealed, context)

    def unseal(self, sealed: bytes, registration_id: UUID) -> Applicant:
        """The applicant; raises `KeyRingError` for an unknown key and `SealedDataError` for a changed ciphertext."""
        return self._decode(self._open(sealed, _row_context(registration_id)))

    async def look(self) -> None:
        """Take up the ring that the source holds now; one that cannot be used is logged, and the old one stays."""
        if self._source is not None:
            self._read(self._source)

    def _open(self, sealed: bytes, context: bytes) -> bytes:
        key_id = sealed_with(sealed)
        cipher = self._ciphers.get(key_id) or self._find(key_id)
        nonce_end = _KEY_ID_BYTES + _NONCE_BYTES
        try:
            return cipher.decrypt(sealed[_KEY_ID_BYTES:nonce_end], sealed[nonce_end:], context)
        except (InvalidTag, ValueError) as error:
            raise SealedDataError from error

    def _find(self, key_id: int) -> AESGCM:
        """A key that another process took up before this one. The source is read only if it has changed."""
        if self._source is not None and self._source.mark() != self._seen:
            self._read(self._source)
        if key_id not in self._ciphers:
            raise KeyRingError(f"the key ring has no sealing key {key_id}")
        return self._ciphers[key_id]

    def _read(self, source: KeyRingSource) -> None:
        self._seen = source.mark()  # before reading: what is written in between is then read once more
        try:
            ring = source.read()
        except KeyRingError as error:
            log.error("key ring cannot be taken up, the old one stays", cause=str(error))
            return
        if ring.contradicts(self._ring):
            log.error("key ring cannot be taken up, the old one stays", cause="secrets of another ring")
        elif ring != self._ring:
            self._take_up(ring)
            log.info("key ring taken up", version=ring.newest, count=len(ring.sealing))

    def _take_up(self, ring: KeyRing) -> None:
        self._ring = ring
        self._ciphers |= {key_id: AESGCM(secret) for key_id, secret in ring.sealing.items()}
        self._prefix = key_prefix(ring.newest)
        self._encrypt = self._ciphers[ring.newest].encrypt


def sealed_with(sealed: bytes) -> int:
    """The id of the key that something was sealed with."""
    return int.from_bytes(sealed[:_KEY_ID_BYTES], "big")


def key_prefix(key_id: int) -> bytes:
    """What everything sealed with a key begins with; prefixes are in the order of the ids."""
    return key_id.to_bytes(_KEY_ID_BYTES, "big")


def _row_context(registration_id: UUID) -> bytes:
    return b"registrations.sealed:" + registration_id.bytes
