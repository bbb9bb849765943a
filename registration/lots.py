"""The secrets of phases two and three: papers, tickets, lotteries. Derived from the key ring, not stored (ADR 0006)."""

from uuid import UUID

from registration.digests import DIGEST_BYTES, KeyedDigest
from registration.sealing import KeyRing
from registration.waves.selection import SEED_BYTES


class Lots:
    """What chance decides, and nobody can foresee without the key ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._paper = KeyedDigest(ring, "assessment paper", size=SEED_BYTES)
        self._ticket = KeyedDigest(ring, "wave ticket", size=DIGEST_BYTES)
        self._lottery = KeyedDigest(ring, "wave lottery", size=SEED_BYTES)

    def paper_seed(self, registration_id: UUID, wave: int) -> bytes:
        """What an applicant's paper of a wave is drawn by."""
        return self._paper(registration_id.bytes + wave.to_bytes(4, "big"))

    def ticket(self, registration_id: UUID, wave: int) -> UUID:
        """Under what name an applicant takes part in a wave's selection; says nothing of the person."""
        return UUID(bytes=self._ticket(registration_id.bytes + wave.to_bytes(4, "big")))

    def lottery_seed(self, wave: int, nonce: bytes) -> bytes:
        """What breaks a wave's ties: fixed when the wave is planned, revealed when it is selected."""
        return self._lottery(wave.to_bytes(4, "big") + nonce)
