"""The sketch counts too high by chance, never too low."""

import hashlib
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from registration.sketch import ROW_COUNTERS, Sketch, positions


def subject(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=200))
def test_a_count_is_never_too_low(numbers: list[int]) -> None:
    """However uses interleave."""
    sketch = Sketch()
    truth: Counter[int] = Counter()
    for number in numbers:
        truth[number] += 1
        assert sketch.add(subject(number)) >= truth[number]


def test_a_large_crowd_is_told_apart() -> None:
    """Of 100,000 people hardly anyone is taken for someone who was there before."""
    sketch = Sketch()
    mistaken = sum(sketch.add(subject(number)) > 1 for number in range(100_000))
    assert mistaken < 500


def test_positions_lie_in_their_rows() -> None:
    """The first in the first row, the second in the second."""
    for number in range(1_000):
        first, second = positions(subject(number))
        assert 0 <= first < ROW_COUNTERS <= second < 2 * ROW_COUNTERS
