"""A photo's own key, and its bytes sealed piece by piece: nobody ever holds more than a piece of an upload.

Guarantee: a stored object opens only under the name it was written as, whole and in order: a piece that was changed,
moved, repeated or cut off is refused. The key is stored only as the key ring sealed it; without that copy the objects
are noise.

Sealed object: a random prefix (7 bytes), then for each piece of `PIECE_BYTES` its ciphertext and tag. Nonce: prefix,
piece number (4 bytes), 1 for the last piece (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

import os
from collections.abc import AsyncIterator
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registration.sealing import SECRET_BYTES, SealedDataError, Sealer

PIECE_BYTES = 64 * 1024
_PREFIX_BYTES = 7
_COUNTER_BYTES = 4
_TAG_BYTES = 16


class PhotoKey:
    """The key of one photo."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = AESGCM(secret)

    @classmethod
    def generate(cls) -> "PhotoKey":
        """A new key."""
        return cls(os.urandom(SECRET_BYTES))

    @classmethod
    def unsealed(cls, sealed: bytes, registration_id: UUID, sealer: Sealer) -> "PhotoKey":
        """The key as it is stored; raises as `Sealer.unseal`."""
        return cls(sealer.unseal_key(sealed, _context(registration_id)))

    def sealed(self, registration_id: UUID, sealer: Sealer) -> bytes:
        """The key in the form in which it is stored."""
        return sealer.seal_key(self._secret, _context(registration_id))

    async def seal(self, pieces: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
        """Seal what comes, of any size, as the object `name`."""
        prefix = os.urandom(_PREFIX_BYTES)
        yield prefix
        number = 0
        waiting = bytearray()
        async for piece in pieces:
            waiting += piece
            while len(waiting) > PIECE_BYTES:
                yield self._cipher.encrypt(_nonce(prefix, number, 0), bytes(waiting[:PIECE_BYTES]), name.encode())
                del waiting[:PIECE_BYTES]
                number += 1
        yield self._cipher.encrypt(_nonce(prefix, number, 1), bytes(waiting), name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """What was sealed as the object `name`; raises `SealedDataError`."""
        prefix, rest = sealed[:_PREFIX_BYTES], memoryview(sealed)[_PREFIX_BYTES:]
        step = PIECE_BYTES + _TAG_BYTES
        opened = bytearray()
        for number, start in enumerate(range(0, len(rest), step)):
            nonce = _nonce(prefix, number, int(start + step >= len(rest)))
            try:
                opened += self._cipher.decrypt(nonce, rest[start : start + step], name.encode())
            except (InvalidTag, ValueError) as error:
                raise SealedDataError from error
        if not len(rest):
            raise SealedDataError
        return bytes(opened)


def _nonce(prefix: bytes, number: int, last: int) -> bytes:
    return prefix + number.to_bytes(_COUNTER_BYTES, "big") + bytes([last])


def _context(registration_id: UUID) -> bytes:
    return b"photos.sealed_key:" + registration_id.bytes
