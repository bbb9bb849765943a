"""Which worker asks a registry about an identity at present: one call for what two workers want to know at once.

Guarantee: none that a verdict could hang on. A claim only saves a call: without Valkey, or once a claim has lapsed, the
same question is asked twice and the answer written first counts. A claim ends by itself one lease after the last sign
of life, so a worker that died holds nobody up for longer than its entries.
"""

from collections.abc import Sequence

from registration.checks import Kind
from registration.streams import keys
from registration.streams.streams import Streams


class Claims:
    """One worker's, of one kind. Call `renew` a few times per lease. Identities are digests, so Valkey names nobody."""

    def __init__(self, streams: Streams, *, kind: Kind, holder: str, lease_seconds: float) -> None:
        self._streams = streams
        self._kind = kind
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._held: set[bytes] = set()
        self._given_up: set[bytes] = set()

    async def take(self, identities: Sequence[bytes]) -> frozenset[bytes]:
        """Claim these, in one call; returns those that another worker asks about. Raises `Retryable`."""
        wanted = list(dict.fromkeys(identities))
        self._held.update(wanted)
        given_up, self._given_up = list(self._given_up - self._held), set()
        answers = await self._streams.claim_identities(
            [keys.identity(self._kind, identity) for identity in (*given_up, *wanted)],
            holder=self._holder,
            seconds=self._lease_seconds,
            given_up=len(given_up),
        )
        elsewhere = frozenset(identity for identity, mine in zip(wanted, answers, strict=True) if not mine)
        self._held -= elsewhere
        return elsewhere

    def settle(self, identity: bytes) -> None:
        """A verdict is known and about to be written: the claim lapses by itself, by when others read the verdict."""
        self._held.discard(identity)

    def give_up(self, identity: bytes) -> None:
        """Nothing is known: whoever comes next may ask. Takes effect with the next call to Valkey."""
        self._held.discard(identity)
        self._given_up.add(identity)

    async def renew(self) -> None:
        """Give a sign of life for all that is held. Raises `Retryable`."""
        if self._held or self._given_up:
            await self.take(list(self._held))
