"""A count-min sketch: how often subjects were seen, in a fixed amount of memory however many there are.

Two rows of counters; a subject has one in each, and its count is the lower of them. So a count can be too high by
chance, never too low. Positions are the subject's own bytes, which must be uniformly distributed (a keyed digest).

Pure. (Cormode and Muthukrishnan, 2005.)
"""

ROW_COUNTERS = 1 << 22
TOP = 0xFFFF


def positions(subject: bytes) -> tuple[int, int]:
    """The subject's counter in either row, counted from the beginning of the first."""
    first = int.from_bytes(subject[:4], "big") % ROW_COUNTERS
    return first, int.from_bytes(subject[4:8], "big") % ROW_COUNTERS + ROW_COUNTERS


class Sketch:
    """16 MiB of two-byte counters that stop at their top; memory that was never touched is not taken."""

    def __init__(self) -> None:
        self._counters = memoryview(bytearray(2 * 2 * ROW_COUNTERS)).cast("H")

    def add(self, subject: bytes) -> int:
        """Count the subject once more; returns its count."""
        counters = self._counters
        first, second = positions(subject)
        if counters[first] < TOP:
            counters[first] += 1
        if counters[second] < TOP:
            counters[second] += 1
        return min(counters[first], counters[second])
