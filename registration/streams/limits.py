"""Counts of uses that all front doors share, in sketches of fixed size in Valkey however many subjects there are.

A sketch is a count-min sketch (Cormode and Muthukrishnan, 2005): three rows of counters, of which a subject has one
in each, and its count is the lowest of them. So a count can be too high by chance, never too low. Among four million
subjects in a window, a limit of five is met by chance about once in 230,000. Counts die with Valkey; whoever relies on
them keeps its own beside them.
"""

import struct
from collections.abc import Sequence

import msgspec

from registration.streams.streams import Streams

_ROWS = 3
_ROW_COUNTERS = 1 << 22  # 8 MiB a row
_PACKED_USE = struct.Struct("!BHIII")
_TOP = 0xFFFF  # where a counter stops


class Uses(msgspec.Struct, frozen=True):
    """How often something limited was used; `subject` is 16 uniformly distributed bytes."""

    limit: str
    subject: bytes
    amount: int


async def charge(streams: Streams, uses: Sequence[Uses], *, window: int, window_seconds: int) -> Sequence[int]:
    """Count these uses in a window; returns for each its subject's count there. Raises `Retryable`."""
    limits = sorted({use.limit for use in uses})
    index = {limit: number for number, limit in enumerate(limits, start=1)}
    packed = b"".join(
        [_PACKED_USE.pack(index[use.limit], min(use.amount, _TOP), *_positions(use.subject)) for use in uses]
    )
    return await streams.charge([f"limit:{limit}:{window}" for limit in limits], packed, seconds=2 * window_seconds)


def _positions(subject: bytes) -> tuple[int, ...]:
    """The subject's counter in each row, counted from the beginning of the first."""
    numbers = struct.unpack_from(f"!{_ROWS}I", subject)
    return tuple(row * _ROW_COUNTERS + number % _ROW_COUNTERS for row, number in enumerate(numbers))
