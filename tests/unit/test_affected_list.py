"""Reading a list of affected workers: a row at a time, bad rows named, memory that does not grow with the list."""

import io
import itertools
import tracemalloc
from collections.abc import Iterator

from gelombang.affected import Import, read_niks
from simulators.people import make_person

BATCH = 500


class EndlessList(io.TextIOBase):
    """A list of so many rows that is made up while it is read, every fifth bad."""

    def __init__(self, rows: int) -> None:
        people = itertools.cycle([make_person(1, index) for index in range(50)])
        self._lines = itertools.chain(["nama;nik\n"], (self._line(row, next(people).nik) for row in range(rows)))

    def readline(self, _size: int | None = -1, /) -> str:  # type: ignore[override]
        """The next line, as the header is read."""
        return next(self._lines, "")

    def __next__(self) -> str:  # type: ignore[override]
        return next(self._lines)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return self

    @staticmethod
    def _line(row: int, nik: str) -> str:
        return f"Siapa {row};{'tidak tahu' if row % 5 == 0 else nik}\n"


def peak_bytes(rows: int) -> int:
    """The most memory that reading so many rows takes, batch after batch."""
    done, bad = Import(), itertools.count()
    niks = read_niks(EndlessList(rows), done, lambda _line, _reason: next(bad))  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        while list(itertools.islice(niks, BATCH)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (done.rows, done.bad, next(bad)) == (rows, rows // 5, rows // 5)
    return peak


def test_memory_does_not_grow_with_the_list() -> None:
    """Ten times the rows, the same memory."""
    peak_bytes(BATCH)  # what is made once
    assert peak_bytes(20 * BATCH) < 1.2 * peak_bytes(2 * BATCH)
