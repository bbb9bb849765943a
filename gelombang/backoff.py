"""How long to wait before a dead service is started again. Pure: the caller brings the clock and does the waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field

# Long enough between tries that a service which cannot start leaves the machine alone, short enough for a person.
FIRST_SECONDS = 0.25
CAP_SECONDS = 10.0
# A service that ran this long was well: its next death is a new story and starts from the shortest wait.
WELL_AFTER_SECONDS = 30.0


@dataclass
class Backoff:
    """Doubles from FIRST_SECONDS to CAP_SECONDS, and forgets once the service ran for WELL_AFTER_SECONDS."""

    clock: Callable[[], float]
    deaths: int = field(default=0, init=False)
    _started_at: float = field(default=0.0, init=False)

    def started(self) -> None:
        """Note that the service was started now."""
        self._started_at = self.clock()

    def died(self) -> float:
        """Note that it died now; give the seconds to wait before the next start."""
        if self.clock() - self._started_at >= WELL_AFTER_SECONDS:
            self.deaths = 0
        doublings = min(self.deaths, 30)  # far beyond the cap; unbounded, the power would overflow after days
        self.deaths += 1
        return min(FIRST_SECONDS * 2.0**doublings, CAP_SECONDS)


def allowance_seconds(remaining: float, reserved_for_others: float) -> float:
    """Give how long one group may take to stop when `remaining` is left in all and later groups need their share."""
    return max(0.0, remaining - reserved_for_others)
