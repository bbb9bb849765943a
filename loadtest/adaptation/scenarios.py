"""What the registry goes through in the simulation: half of its servers gone and back, or all of it down.

Every scenario says from when on it counts: 10 s or 20 round trips after a change, whichever is longer.
"""

from collections.abc import Iterator, Sequence

import msgspec

from loadtest.adaptation.world import Phase, Scenario, Second
from simulators.ministry.law import Capacity, Latency

SIGMA = 0.5
_GRACE_SECONDS, _GRACE_ROUND_TRIPS = 10.0, 20
_LEG_SECONDS, _LEG_GRACES = 40.0, 4


class Registry(msgspec.Struct, frozen=True):
    """Servers, their mean service time, and how sharply goodput falls past the knee."""

    servers: int
    service_seconds: float
    sharpness: float = 1.0

    @property
    def grace_seconds(self) -> float:
        """How long a change may take to be found."""
        return max(_GRACE_SECONDS, _GRACE_ROUND_TRIPS * self.service_seconds)

    @property
    def leg_seconds(self) -> float:
        """How long each capacity lasts: with fewer answers a second it takes longer to tell what was delivered."""
        return max(_LEG_SECONDS, _LEG_GRACES * self.grace_seconds) if self.service_seconds > 1 else _LEG_SECONDS

    def phase(self, at_seconds: float, *, servers: int, failing: float = 0.0) -> Phase:
        """This registry with another number of servers."""
        capacity = Capacity(servers, sharpness=self.sharpness)
        return Phase(at_seconds, capacity, Latency(self.service_seconds, sigma=SIGMA), failing)


def steps(registry: Registry, *, workers: int, leg_seconds: float | None = None) -> Scenario:
    """All servers, half of them, all of them again; each for `leg_seconds`, or as long as it takes to judge."""
    leg = leg_seconds or registry.leg_seconds
    counts = (registry.servers, max(1, registry.servers // 2), registry.servers)
    phases = [registry.phase(number * leg, servers=servers) for number, servers in enumerate(counts)]
    return Scenario(phases=phases, seconds=3 * leg, workers=workers, delay_ticks=1 if workers == 1 else 2)


def outage(registry: Registry, *, seconds: float, workers: int) -> Scenario:
    """Well for a while, then not one call is answered, then well again."""
    leg = registry.leg_seconds
    phases = [
        registry.phase(0.0, servers=registry.servers),
        registry.phase(leg, servers=registry.servers, failing=1.0),
        registry.phase(leg + seconds, servers=registry.servers),
    ]
    ceiling = 2 * phases[0].per_second
    return Scenario(phases=phases, seconds=leg + seconds + 60.0, workers=workers, most_per_second=ceiling)


def shares(registry: Registry, scenario: Scenario, seconds: Sequence[Second]) -> Sequence[float]:
    """What part of its capacity the registry delivered in each phase, once the grace after its beginning was over."""
    return [
        sum(second.answered for second in seconds[counted]) / (counted.stop - counted.start) / phase.per_second
        for phase, counted in _counted(registry, scenario)
    ]


def crowds(registry: Registry, scenario: Scenario, seconds: Sequence[Second]) -> Sequence[float]:
    """The most calls that were inside in each phase once the grace was over, for each server."""
    return [
        max(second.inside for second in seconds[counted]) / (phase.capacity.servers or 1)
        for phase, counted in _counted(registry, scenario)
    ]


def fewest_answers(registry: Registry, scenario: Scenario) -> float:
    """What the phase with the fewest answers can count: the fewer, the more a figure scatters by itself."""
    return float(min(phase.per_second * (part.stop - part.start) for phase, part in _counted(registry, scenario)))


def _counted(registry: Registry, scenario: Scenario) -> Iterator[tuple[Phase, slice]]:
    """Each phase, and the seconds of it that count."""
    ends = [phase.at_seconds for phase in scenario.phases[1:]] + [scenario.seconds]
    for phase, end in zip(scenario.phases, ends, strict=True):
        yield phase, slice(int(phase.at_seconds + registry.grace_seconds), int(end))
