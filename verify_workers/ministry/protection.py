"""Controller and breaker as one: how many calls may be under way in the whole pool, 0 included.

While the breaker lets out no more than probes, the controller sees nothing: a probe that fails says that the registry
is still away, not that fewer calls would do. So when the breaker closes, the controller goes on from where the trouble
began, behind the breaker's slow opening, instead of from one call. What it measured meanwhile, with fewer calls, it
forgets.

Pure, like its parts. If the process dies, the next holder goes on from the memories of both.
"""

from verify_workers.ministry.breaker import Breaker, BreakerState, Outcomes
from verify_workers.ministry.controller import Controller
from verify_workers.ministry.delivery import Window

_LETTING_OUT = frozenset({BreakerState.CLOSED, BreakerState.CLOSING})


class Protection:
    """One for the pool, held by whoever steers."""

    def __init__(self, controller: Controller, breaker: Breaker) -> None:
        self.controller = controller
        self.breaker = breaker

    def update(self, now_seconds: float, window: Window, outcomes: Outcomes, *, midnight_in_seconds: float) -> int:
        """Calls that may be under way now, given what all workers saw. `now_seconds` never goes back."""
        before = self.breaker.state
        after = self.breaker.update(now_seconds, outcomes, midnight_in_seconds=midnight_in_seconds)
        if before is BreakerState.CLOSING and after is BreakerState.CLOSED:
            self.controller.resume(now_seconds)
        if after in _LETTING_OUT:
            self.controller.update(now_seconds, window)
        elif before in _LETTING_OUT:
            self.controller.rest()
        return self.breaker.allowance(now_seconds, self.controller.limit)
