"""What `PUT /control` sets and `PATCH /control` changes: the mood of the ministry, as one frozen value.

Lost with the process; a new one starts in the default mood, which answers everyone at once.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

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
    http_503: Share = 0
    http_429: Share = 0
    html: Share = 0
    maintenance: Share = 0
    empty: Share = 0
    truncated: Share = 0
    reset: Share = 0
    hang: Share = 0
    trickle: Share = 0
    redirect: Share = 0
    oversized: Share = 0
    garbage: Share = 0
    wrong_schema: Share = 0
    wrong_encoding: Share = 0
    no_content: Share = 0
    unknown_text: Share = 0
    numbers: Share = 0
    quota: Share = 0
    login: Share = 0
    ip: Share = 0
    ip_unknown: Share = 0

    def __post_init__(self) -> None:
        if math.fsum(msgspec.structs.astuple(self)) > 1 + ROUNDING:
            raise ValueError("the shares of `faults` add up to more than 1")

    def set_shares(self) -> Sequence[tuple[Failure, float]]:
        """The failures that happen at all, with their shares."""
        shares = zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True)
        return tuple((Failure(failure), share) for failure, share in shares if share)


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A while: from `start_seconds` after it was set, for `seconds`, and again `every_seconds` when that is given."""

    seconds: Annotated[float, Meta(gt=0)]
    start_seconds: Annotated[float, Meta(ge=0)] = 0
    every_seconds: Annotated[float, Meta(gt=0)] | None = None

    def left(self, elapsed_seconds: float) -> float:
        """How long it lasts yet, `elapsed_seconds` after it was set; 0 outside of it."""
        since = elapsed_seconds - self.start_seconds
        if since < 0:
            return 0.0
        if self.every_seconds is not None:
            since %= self.every_seconds
        return max(0.0, self.seconds - since)


class BrownOut(Window, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A while in which every call takes `slowdown` times as long and only this share of the servers works."""

    slowdown: Annotated[float, Meta(ge=1)] = 3
    capacity_share: Annotated[float, Meta(gt=0, le=1)] = 1


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

    Whoever calls more often than `rate_limit_per_second` gets 429 with Retry-After, which `faults.http_429` gives by
    chance. In a `brown_out` everything is slower; in `maintenance` everyone gets a page for people with 503.

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
    rate_limit_per_second: Annotated[int, Meta(ge=1)] | None = None
    daily_quota: Annotated[int, Meta(ge=0)] | None = None
    brown_out: BrownOut | None = None
    maintenance: Window | None = None
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


def patched(control: Control, patch: bytes) -> Control:
    """`control` with what a JSON merge patch (RFC 7396) changes; raises as `decode_control` does."""
    return msgspec.convert(_merged(msgspec.to_builtins(control), msgspec.json.decode(patch)), Control)


def _merged(target: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """RFC 7396, section 2, except that null is a value here: it is how a limit is taken away."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    return merged | {name: _merged(merged.get(name), value) for name, value in patch.items()}
