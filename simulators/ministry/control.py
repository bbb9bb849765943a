"""What `PUT /control` sets: the mood of the ministry, as one frozen value that is replaced whole.

Lost with the process; a new one starts in the default mood, which answers everyone at once.
"""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from simulators.ministry.failures import Failure
from simulators.ministry.law import KNEE, Capacity, Latency

Share = Annotated[float, Meta(ge=0, le=1)]

# Shares written as decimals can add up to a hair more than one.
ROUNDING = 1e-9


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The share of calls that meet each failure; the rest is answered. Together at most 1."""

    http_500: Share = 0
    http_429: Share = 0
    html: Share = 0
    empty: Share = 0
    truncated: Share = 0
    reset: Share = 0
    hang: Share = 0
    quota: Share = 0
    login: Share = 0
    ip: Share = 0

    def __post_init__(self) -> None:
        if math.fsum(msgspec.structs.astuple(self)) > 1 + ROUNDING:
            raise ValueError("the shares of `faults` add up to more than 1")

    def pick(self, fraction: float) -> Failure | None:
        """The failure at `fraction` (0 to 1) of all calls, or None for a proper answer."""
        for failure, share in zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True):
            if fraction < share:
                return Failure(failure)
            fraction -= share
        return None


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The people the ministry knows: `make_person(seed, 0)` to `make_person(seed, size - 1)`."""

    seed: int
    size: Annotated[int, Meta(ge=0)]


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request must carry; without `ip_user` every IP_USER will do."""

    user_id: str
    password: str
    ip_user: str | None = None


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; what a request leaves out has its default.

    `latency_seconds` is the mean of the service time, `latency_sigma` the spread of its logarithm (lognormal; 0 is
    constant), and `latency_tail` the shape of a Pareto distribution in its place (the nearer to 1, the heavier the
    tail). `capacity` is the number of calls served at once; 0 and null are no limit. Without latency a capacity has
    little to limit. Past `knee` times the capacity goodput falls, the faster the greater `sharpness`.

    `daily_quota` counts from midnight in Jakarta or from this setting, whichever is later; null is no quota, 0 is used
    up. `down` answers 503 to everyone.
    """

    latency_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0
    latency_sigma: Annotated[float, Meta(ge=0, le=3)] = 0
    latency_tail: Annotated[float, Meta(gt=1, le=10)] | None = None
    capacity: Annotated[int, Meta(ge=0)] | None = None
    knee: Annotated[float, Meta(ge=1, le=100)] = KNEE
    sharpness: Annotated[float, Meta(ge=0, le=10)] = 1
    faults: Faults = Faults()
    retry_after_seconds: Annotated[int, Meta(ge=0)] = 2
    daily_quota: Annotated[int, Meta(ge=0)] | None = None
    population: Population | None = None
    credentials: Credentials | None = None
    down: bool = False

    def latency(self) -> Latency:
        """How long one server takes for a call."""
        return Latency(self.latency_seconds, self.latency_sigma, self.latency_tail)

    def collapse(self) -> Capacity:
        """What too many calls do to it."""
        return Capacity(self.capacity, self.knee, self.sharpness)


# Raises msgspec.DecodeError, whose text names the wrong field, or UnicodeDecodeError.
decode_control = msgspec.json.Decoder(Control).decode
