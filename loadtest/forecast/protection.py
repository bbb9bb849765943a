"""What protecting a registry takes of its capacity: the very controller, played against the law of collapse.

A controller that knows nothing begins with two calls at once and needs some round trips to find the capacity; later it
takes a part of it for the drains in which it measures the base latency. In a wave of hours the first is nothing; in one
of minutes it is seconds that count. Both follow from the controller's own constants, on any machine alike.
"""

import random
import statistics

import msgspec

from loadtest.adaptation.policies import Protected
from loadtest.adaptation.world import Phase, World
from loadtest.adaptation.world import Scenario as Life
from simulators.ministry.law import Capacity, Latency

_PLAYED_SECONDS = 120
_FOUND_BY_SECONDS = 20  # at the latest, with the latencies that a replay's registry has
_SEED = 1


class Protection(msgspec.Struct, frozen=True):
    """`share` of the capacity that is used once it is found, and of that the part used in each second before."""

    share: float
    finding: tuple[float, ...]


def played(*, servers: int, service_seconds: float) -> Protection:
    """A registry that takes so long for each call and has always more to do than it can, from a cold controller on."""
    phase = Phase(0.0, Capacity(servers), Latency(service_seconds))
    policy = Protected(random.Random(_SEED))  # noqa: S311 - a simulation
    seconds = World(Life(phases=[phase], seconds=_PLAYED_SECONDS), policy, seed=_SEED).run()
    answered = [second.answered for second in seconds]
    steady = statistics.fmean(answered[_FOUND_BY_SECONDS:])
    finding = tuple(count / steady for count in answered[:_FOUND_BY_SECONDS])
    return Protection(steady / phase.per_second, finding)
