"""Where the knee is: which rate to offer next, from which rates held and which did not. Pure.

An adaptive staircase: up while steps hold, down while they do not, and with every turn the stride becomes its own
square root, down to the finest. From then on rates go up and down around the knee, and the knee is their geometric
mean: the rate at which a step holds as often as not. Each step corrects the one before it, so one that was decided by
chance moves the knee by little. While strides are coarse, a miss counts only when the same rate misses twice: a hiccup
in the climb would cost many steps.

The search can be led through the steps of a record again, and then finds what it found.
"""

import math
from collections.abc import Sequence

import msgspec

_ROUNDING = 1e-9


class Stride(msgspec.Struct, frozen=True, kw_only=True):
    """How a search moves.

    Factors from one rate to the next, at first and at the finest; how many steps at the finest make the knee, and after
    how many steps in all it is given up.
    """

    first: float
    finest: float
    levels: int
    steps: int


class Search:
    """One search for the knee. Offer `rate` until it is None, and `tell` whether it held."""

    def __init__(self, start: float, stride: Stride) -> None:
        self.rate: float | None = start
        self._stride = stride
        self._move = math.log(stride.first)
        self._finest = math.log(stride.finest)
        self._steps = 0
        self._last: bool | None = None
        self._asked_again = False
        self._levels: list[float] = []
        self._highest_held: float | None = None
        self._missed = False

    @property
    def knee(self) -> float | None:
        """What was found; the highest rate that held where none missed; None where none held, or it is not over."""
        if self.rate is not None or self._highest_held is None:
            return None
        if len(self._levels) >= self._stride.levels:
            return math.exp(math.fsum(map(math.log, self._levels)) / len(self._levels))
        return self._highest_held

    @property
    def is_bounded(self) -> bool:
        """Whether rates were found that do not hold: else the knee is at least so high."""
        return self._missed

    def tell(self, held: bool) -> None:  # noqa: FBT001 - what is told
        """The rate was offered, and held or did not."""
        rate = self.rate
        if rate is None:
            raise ValueError("the search is over")
        self._steps += 1
        if held:
            self._highest_held = max(rate, self._highest_held or 0.0)
        elif self._is_coarse and not self._asked_again:
            self._asked_again = True
            self.rate = self._unless_over(rate)
            return
        self._asked_again = False
        self._missed = self._missed or not held
        if self._last is not None and held != self._last:
            self._move = max(self._finest, self._move / 2)
        self._last = held
        following = rate * math.exp(self._move if held else -self._move)
        if not self._is_coarse and self._missed:
            self._levels.append(following)
        self.rate = self._unless_over(following)

    @property
    def _is_coarse(self) -> bool:
        return self._move > self._finest + _ROUNDING

    def _unless_over(self, rate: float) -> float | None:
        over = self._steps >= self._stride.steps or len(self._levels) >= self._stride.levels
        return None if over else rate


def searched(steps: Sequence[tuple[float, bool]], stride: Stride) -> Search | None:
    """The search that went through these steps, rates and whether they held, from the first on; None without any."""
    if not steps:
        return None
    search = Search(steps[0][0], stride)
    for _, held in steps:
        if search.rate is None:
            break
        search.tell(held)
    return search


def spread(knees: Sequence[float]) -> float:
    """How far the farthest is from the middle one, as a share."""
    middle = sorted(knees)[len(knees) // 2]
    return max(abs(knee / middle - 1) for knee in knees)
