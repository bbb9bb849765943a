"""The law of collapse: what a ministry of K servers makes of the calls that are inside it.

K servers with mean service time S give up to K / S answers a second. Up to the knee (twice K unless set otherwise) more
calls inside only wait longer. Beyond it every call slows down, as in a system that swaps, retries and fights for locks:
goodput falls as (knee · K / inside) ** sharpness. At sharpness 1 it halves when the crowd doubles; at 2 it falls to a
quarter.

Pure and free of any clock, so that the stand-in and a simulation in compressed time obey the same law.
"""

import math
import random
from typing import Annotated

import msgspec
from msgspec import Meta

KNEE = 2.0


class Capacity(msgspec.Struct, frozen=True):
    """K `servers`, and how goodput falls past the knee. No servers given is no limit and no collapse."""

    servers: int | None = None
    knee: Annotated[float, Meta(ge=1)] = KNEE
    sharpness: Annotated[float, Meta(ge=0)] = 1.0

    def stretch(self, inside: int) -> float:
        """By what a service time is multiplied when `inside` calls are in service or in the queue; at least 1."""
        if not self.servers:
            return 1.0
        return math.pow(max(1.0, inside / (self.knee * self.servers)), self.sharpness)


class Latency(msgspec.Struct, frozen=True):
    """How long a server takes for one call, alone: a distribution whose mean is `mean_seconds`.

    Constant by default; lognormal with `sigma`, the spread of its logarithm; with `tail` a Pareto distribution of that
    shape in its place, whose rare calls take very long (at 1.5 one in a thousand takes 33 times the mean).
    """

    mean_seconds: float = 0.0
    sigma: float = 0.0
    tail: float | None = None

    def draw(self, randomness: random.Random) -> float:
        """The service time of one call, in seconds."""
        if self.tail is not None:
            # A Pareto variate from 1 up has the mean tail / (tail - 1).
            return self.mean_seconds * randomness.paretovariate(self.tail) * (self.tail - 1) / self.tail
        if self.sigma:
            # exp(normal(-sigma²/2, sigma)) has mean 1.
            return self.mean_seconds * randomness.lognormvariate(-self.sigma * self.sigma / 2, self.sigma)
        return self.mean_seconds
