"""The split of the ceiling and the times of calls: no second holds more than the contract's rate."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.checks import Kind
from registration.registry import Registry
from registration.settings import read
from simulators.ministry.calls import SlidingSecond
from verify_workers.ministry.ceiling import LATE_SECONDS, MARGIN_SECONDS, spacing_seconds, split
from verify_workers.ministry.pacer import Pacer

SETTINGS = read({"GELOMBANG_DATABASE_URL": "x", "GELOMBANG_REDIS_URL": "x", "GELOMBANG_KEYS": "x"})


def registry(**changes: float) -> Registry:
    """The defaults, with some changed."""
    return msgspec.structs.replace(SETTINGS.registries[Kind.NIK], **changes)


@given(
    slots=st.integers(1, 5_000),
    rate=st.floats(0.1, 10_000),
    workers=st.integers(1, 64),
    share=st.floats(0, 0.25),
)
def test_leased_and_static_shares_together_are_within_the_ceiling(
    slots: int, rate: float, workers: int, share: float
) -> None:
    """Whoever is cut off, and whoever is not: at the most they use the ceiling."""
    found = split(
        registry(
            concurrency=slots,
            rate_per_second=rate,
            workers=workers,
            static_share=share,
        )
    )
    assert found.static_slots * workers <= slots
    leased = (1 + LATE_SECONDS) * 1_000 / found.terms.spacing_ms  # starts in a second, each late by as much as may be
    static = workers * math.ceil(1 / found.static_spacing_seconds) if found.static_spacing_seconds else 0
    assert leased + static <= rate * (1 + 1e-9)
    assert bool(found.static_slots) == bool(found.static_spacing_seconds)


def test_a_ceiling_too_small_to_be_split_has_no_static_share() -> None:
    """Eight workers with a call of their own each would be more than a registry for eight calls bears."""
    found = split(registry(concurrency=8, workers=8))
    assert (found.static_slots, found.static_spacing_seconds) == (0, 0.0)


@given(
    rate=st.integers(1, 500), lateness=st.lists(st.floats(0, 0.999), min_size=1, max_size=50), seed=st.integers(0, 9)
)
def test_no_second_holds_more_calls_than_the_rate(rate: int, lateness: list[float], seed: int) -> None:
    """Also when each is written as late as it may be, or on time, and then held up on its way, or not, in any order."""
    spacing = spacing_seconds(rate)
    most = LATE_SECONDS + MARGIN_SECONDS
    starts = sorted(
        number * spacing + most * lateness[(number * (seed + 1)) % len(lateness)] for number in range(3 * rate)
    )
    for number, start in enumerate(starts):
        inside = sum(1 for other in starts[number : number + 2 * rate + 1] if other < start + 1)
        assert inside <= rate


@pytest.mark.parametrize("pause_seconds", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0])
def test_a_registry_that_stands_still_for_a_moment_counts_no_more_than_the_rate_when_it_goes_on(
    pause_seconds: float,
) -> None:
    """What was sent meanwhile is counted at once, beside all that comes after: the whole of what may be under way.

    The figures of a drill in which 82 calls were counted where 80 may be: two workers, places for eight, ten calls.
    """
    rate, under_way, here = 80, 10, 2
    found = split(registry(rate_per_second=float(rate), concurrency=100, workers=8))
    workers = [Pacer(static_spacing_seconds=found.static_spacing_seconds) for _ in range(here)]
    for number, worker in enumerate(workers):
        spacing = found.terms.spacing_ms / 1_000
        worker.add(
            asked_at=0.0, answered_at=0.0, offset=number * spacing, spacing=here * spacing, count=10 * rate // here
        )
    second, waiting = SlidingSecond(), 0
    for millisecond in range(6_000):
        is_paused = 2_000 <= millisecond < 2_000 + 1_000 * pause_seconds
        for worker in workers:
            while waiting < under_way and worker.take(millisecond / 1_000, static=True) is not None:
                waiting += 1
                if not is_paused:
                    break
        if not is_paused:
            for _ in range(waiting):
                second.count(millisecond)
            waiting = 0
    assert 0.85 * rate < second.peak <= rate


def pacer(**changes: float) -> Pacer:
    """A pacer with three times, 0.1 s apart from 10.0 on; asked at 9.0, answered at 9.02."""
    made = Pacer(static_spacing_seconds=changes.pop("static_spacing_seconds", 0.0))
    made.add(asked_at=9.0, answered_at=9.02, offset=0.98, spacing=0.1, count=3)
    return made


def test_a_time_is_used_once_and_never_before_it_comes() -> None:
    """One call for each time."""
    times = pacer()
    assert not times.take(9.99, static=True)
    assert times.take(10.0, static=True)
    assert not times.take(10.05, static=True)
    assert times.take(10.11, static=True)
    assert times.left == 1
    assert times.next_at(static=True) == 10.2


def test_a_time_that_was_missed_is_thrown_away() -> None:
    """Late calls would meet those that are on time."""
    times = pacer()
    assert times.take(10.12, static=True), "the first is too late, the second is not"
    assert times.left == 1
    assert not times.take(10.3, static=True)
    assert times.left == 0


def test_an_answer_that_was_long_under_way_brings_nothing() -> None:
    """Nobody knows when in that time the server counted from."""
    times = Pacer(static_spacing_seconds=0.0)
    times.add(asked_at=9.0, answered_at=9.0 + LATE_SECONDS + 0.01, offset=0.0, spacing=10.0, count=1)
    assert not times.take(9.0 + LATE_SECONDS + 0.01, static=True)


def test_static_times_need_no_lease_and_keep_their_distance() -> None:
    """One each spacing, for who may use them."""
    times = Pacer(static_spacing_seconds=2.0)
    assert not times.take(1.0, static=False)
    assert times.take(1.0, static=True)
    assert not times.take(2.9, static=True)
    assert times.take(3.0, static=True)
