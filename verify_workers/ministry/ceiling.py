"""The contract's ceiling on calls to the registry, split into what needs no lease and what is leased.

Each of the registry's `workers` has a static share, small and always its own, so that a worker that is cut off from
Valkey finishes what it has in hand and no more. Static shares are whole calls, under way and per second: half a call in
a second is one call in that second. Where such shares would take too much of a small ceiling there are none.

A call's request is written at most `LATE_SECONDS` after its time, and the registry counts it at most `MARGIN_SECONDS`
later than another: the network, and the registry's own door, hold some up longer than others. So it counts in any
second calls whose times lie in a stretch of 1 + LATE_SECONDS + MARGIN_SECONDS, and with times so much divided by the
rate apart these are never more than the rate. Where it stands still for longer, what is under way bounds what comes at
once: `MARGIN_SECONDS` of the rate may be under way, and no pause however long makes a second of too many calls.

Pure.
"""

import math

import msgspec

from registration.registry import Registry
from registration.streams.shares import Terms

SHARE_SECONDS = 1.5  # a share lives so long without renewal
LATE_SECONDS = 0.05
# For the way from the written request to where the registry counts it. Two busy cores hold a request up for longer than
# most networks do; every hundredth of a second costs a hundredth of the rate.
MARGIN_SECONDS = 0.08
STATIC_SECONDS = 60.0  # a worker cut off for longer may have lost its place to another
_HORIZON_SECONDS = 0.3
_MOST_FOR_STATIC = 0.25


class Ceiling(msgspec.Struct, frozen=True):
    """What is leased (`terms`), and one worker's static share: slots, and seconds between its calls (0: none)."""

    terms: Terms
    static_slots: int
    static_spacing_seconds: float


def split(registry: Registry) -> Ceiling:
    """The ceiling of the contract with this registry."""
    workers = registry.workers
    static_slots = _static(registry.concurrency, registry)
    static_rate = _static(registry.rate_per_second, registry)
    if not (static_slots and static_rate):
        static_slots = static_rate = 0
    terms = Terms(
        ceiling_slots=registry.concurrency,
        static_slots=static_slots,
        places=workers,
        spacing_ms=1_000 * spacing_seconds(registry.rate_per_second - static_rate * workers),
        horizon_ms=1_000 * _HORIZON_SECONDS,
        ttl_ms=1_000 * SHARE_SECONDS,
        # A silent worker's share ends after one life. The second is for a clock that jumps by less than a gap; then its
        # last calls may still be at the registry until they time out.
        hold_ms=1_000 * (2 * SHARE_SECONDS + registry.timeout_seconds),
        place_ms=1_000 * (STATIC_SECONDS + SHARE_SECONDS),
    )
    return Ceiling(terms, static_slots, spacing_seconds(static_rate) if static_rate else 0.0)


def spacing_seconds(rate_per_second: float) -> float:
    """The distance of call times that keeps every second below the rate."""
    return (1 + LATE_SECONDS + MARGIN_SECONDS) / rate_per_second


def _static(ceiling: float, registry: Registry) -> int:
    """One worker's static share of a ceiling."""
    share = max(1, math.floor(ceiling * registry.static_share / registry.workers))
    return share if registry.static_share and share * registry.workers <= _MOST_FOR_STATIC * ceiling else 0
