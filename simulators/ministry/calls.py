"""Who called the ministry, how often and how many at once: what proves that a ceiling was kept.

Every call counts when it has arrived, whatever becomes of it. In memory only; a count that was not read is lost
with the process.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

import msgspec

REMEMBERED_NIKS = 1_000_000
WINDOW_MILLISECONDS = 1_000
NANOSECONDS_PER_MILLISECOND = 1_000_000


class CallReport(msgspec.Struct, frozen=True):
    """What `GET /calls` answers. For one NIK, `total` and `by_nik` are that NIK's; the rest is always of all calls.

    `niks` is how many different ones were asked about, `peak_per_second` the most calls in any second, to the
    millisecond.
    `by_answer` counts what callers got; "abandoned" are those who left or were cut off before an answer.
    `forgotten_niks` counts the NIKs that fell out of `by_nik`, whose size is bounded.
    """

    total: int
    niks: int
    by_nik: dict[str, int]
    by_answer: dict[str, int]
    peak_per_second: int
    peak_concurrency: int
    concurrency: int
    forgotten_niks: int


class Calls:
    """The account of all calls since the last reset."""

    def __init__(
        self,
        *,
        nanoseconds: Callable[[], int] = time.monotonic_ns,
        remembered_niks: int = REMEMBERED_NIKS,
    ) -> None:
        self._nanoseconds = nanoseconds
        self._remembered_niks = remembered_niks
        self._concurrency = 0
        self.reset()

    def reset(self) -> None:
        """Start again from zero; calls still inside stay counted in the concurrency."""
        self._total = 0
        self._by_nik: OrderedDict[str, int] = OrderedDict()
        self._by_answer: Counter[str] = Counter()
        self._forgotten_niks = 0
        self._peak_concurrency = self._concurrency
        self._rate = SlidingSecond()

    def millisecond(self) -> int:
        """The time in which calls are counted."""
        return self._nanoseconds() // NANOSECONDS_PER_MILLISECOND

    def begin(self, nik: str) -> None:
        """A call has arrived; `end` must follow."""
        self._total += 1
        self._rate.count(self.millisecond())
        self._by_nik[nik] = self._by_nik.get(nik, 0) + 1
        if len(self._by_nik) > self._remembered_niks:
            self._by_nik.popitem(last=False)
            self._forgotten_niks += 1
        self._concurrency += 1
        self._peak_concurrency = max(self._peak_concurrency, self._concurrency)

    def end(self, answer: str) -> None:
        """A call has got `answer`, a name for its kind."""
        self._concurrency -= 1
        self._by_answer[answer] += 1

    def report(self, nik: str | None = None) -> CallReport:
        """The account so far, of everyone or narrowed to one NIK."""
        count = self._by_nik.get(nik, 0) if nik is not None else self._total
        return self._report(total=count, by_nik=self._by_nik if nik is None else {nik: count})

    def summary(self) -> CallReport:
        """The account of everyone without the list of NIKs, which can be long."""
        return self._report(total=self._total, by_nik={})

    def _report(self, *, total: int, by_nik: dict[str, int]) -> CallReport:
        return CallReport(
            total=total,
            niks=len(self._by_nik),
            by_nik=by_nik,
            by_answer=self._by_answer,
            peak_per_second=self._rate.peak,
            peak_concurrency=self._peak_concurrency,
            concurrency=self._concurrency,
            forgotten_niks=self._forgotten_niks,
        )


class SlidingSecond:
    """Calls of the latest second, and the most of any, to the millisecond.

    Fixed seconds would miss a burst across their border.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._buckets: deque[list[int]] = deque()
        self._inside = 0

    def inside(self, millisecond: int) -> int:
        """How many were counted in the second that ends now."""
        while self._buckets and self._buckets[0][0] <= millisecond - WINDOW_MILLISECONDS:
            self._inside -= self._buckets.popleft()[1]
        return self._inside

    def count(self, millisecond: int) -> None:
        """Count one more."""
        if self._buckets and self._buckets[-1][0] == millisecond:
            self._buckets[-1][1] += 1
        else:
            self._buckets.append([millisecond, 1])
        self._inside += 1
        self.peak = max(self.peak, self.inside(millisecond))
