"""Counts of uses that all front doors share, in sketches of fixed size in Valkey.

Among four million subjects in a window, a limit of five is met by chance about once in 4,000. Counts die with Valkey;
whoever relies on them keeps its own beside them.
"""

import struct
from collections.abc import Sequence

import msgspec

from registration.sketch import positions
from registration.streams.streams import Streams

_PACKED_USE = struct.Struct("!BHII")


class Uses(msgspec.Struct, frozen=True):
    """How often something limited was used; `subject` is 16 uniformly distributed bytes."""

    limit: str
    subject: bytes
    amount: int


async def charge(streams: Streams, uses: Sequence[Uses], *, window: int, window_seconds: int) -> Sequence[int]:
    """Count these uses in a window; returns for each its subject's count there. Raises `Retryable`."""
    limits = sorted({use.limit for use in uses})
    index = {limit: number for number, limit in enumerate(limits, start=1)}
    packed = b"".join([_PACKED_USE.pack(index[use.limit], use.amount, *positions(use.subject)) for use in uses])
    return await streams.charge([f"limit:{limit}:{window}" for limit in limits], packed, seconds=2 * window_seconds)
