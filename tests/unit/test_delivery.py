"""A rate is told from as much of the past as it takes, and a registry that falls behind is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify_workers.ministry.delivery import Arrears, Delivery, Window

_TICK = 0.1


def _delivery(windows: list[Window], *, round_seconds: float = 1.0, enough_calls: int = 20) -> Delivery:
    delivery = Delivery()
    for window in windows:
        delivery.add(window, round_seconds=round_seconds, enough_calls=enough_calls, slots=10)
    return delivery


def test_many_answers_are_counted_over_one_round_trip() -> None:
    """What was before the last round trip is forgotten at once."""
    windows = [Window(_TICK, answered=10)] * 50 + [Window(_TICK, answered=5)] * 10
    assert _delivery(windows).rate == pytest.approx(50)


def test_few_answers_are_counted_over_eight_round_trips() -> None:
    """A rate of one or two answers would be chance."""
    windows = [Window(_TICK, answered=tick % 10 == 0) for tick in range(200)]
    delivery = _delivery(windows)
    assert delivery.is_whole
    assert delivery.rate == pytest.approx(1.0)
    assert not _delivery(windows[:70]).is_whole


def test_the_latency_stands_while_nothing_is_answered() -> None:
    """Silence says nothing of it."""
    assert _delivery([Window(_TICK, 1, [0.4]), *[Window(_TICK)] * 100]).latency_seconds == pytest.approx(0.4)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.floats(0, 50)), min_size=1, max_size=200))
def test_what_is_kept_adds_up(seen: list[tuple[int, int, float]]) -> None:
    """The sums are those of the windows that are kept, whatever came and went."""
    windows = [Window(_TICK, answered, failed=bad, in_flight=in_flight) for answered, bad, in_flight in seen]
    delivery = _delivery(windows)
    kept = next(
        (
            windows[-count:]
            for count in range(1, len(windows) + 1)
            if count * _TICK >= 1.0 - 1e-6
            and (sum(one.answered + one.bad for one in windows[-count:]) >= 20 or count * _TICK >= 8.0 - 1e-6)
        ),
        windows,
    )
    assert delivery.answered == sum(one.answered for one in kept)
    assert delivery.bad == sum(one.bad for one in kept)
    assert delivery.in_flight == pytest.approx(sum(one.in_flight for one in kept) / len(kept), abs=1e-6)
    assert delivery.slots == 10


def test_a_registry_that_keeps_its_rate_owes_nothing() -> None:
    """At the part of the rate that is expected, and above, it catches up again and again."""
    arrears = Arrears(0.6)
    arrears.expect(10.0)
    for tick in range(1_000):
        arrears.add(Window(_TICK, answered=tick % 10 < 7))
        assert arrears.missing < 2


def test_a_registry_that_lost_more_falls_behind() -> None:
    """At half of the rate a tenth of the answers is missing each second, at none of them six tenths."""
    half, none = Arrears(0.6), Arrears(0.6)
    for arrears, answered in ((half, 1), (none, 0)):
        arrears.expect(20.0)
        for _ in range(50):
            arrears.add(Window(_TICK, answered=answered))
    assert half.missing == pytest.approx(10)
    assert none.missing == pytest.approx(60)
    none.clear()
    none.add(Window(_TICK))
    assert none.missing == 0
