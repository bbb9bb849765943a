"""The controller keeps its bounds, whatever it is told. How well it finds a capacity: tests/unit/test_adaptation.py."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from verify_workers.ministry.controller import Controller, Knowledge, State
from verify_workers.ministry.delivery import Window

CEILING = 50
_counts = st.integers(0, 200)
_windows = st.builds(
    Window,
    seconds=st.floats(0.0, 5.0),
    answered=_counts,
    latencies=st.lists(st.floats(0.0, 100.0), max_size=20),
    failed=_counts,
    throttled=_counts,
    timed_out=_counts,
    in_flight=st.floats(0.0, 100.0),
)
_runs = st.lists(_windows, max_size=60)


def _play(controller: Controller, windows: list[Window]) -> list[int]:
    now, limits = 0.0, []
    for window in windows:
        now += window.seconds
        limits.append(controller.update(now, window))
    return limits


@given(_runs)
def test_the_limit_stays_within_the_ceiling(windows: list[Window]) -> None:
    """No sequence of windows, sensible or not, leads out of the bounds; 0 is only while it waits for an answer."""
    controller = Controller(ceiling=CEILING)
    assert all(0 <= limit <= CEILING for limit in _play(controller, windows))
    controller.rest()
    assert 1 <= controller.limit <= CEILING


@given(_runs)
def test_it_never_grows_while_calls_fail(windows: list[Window]) -> None:
    """As long as at least half of what comes back is trouble, the limit only falls."""
    controller = _known(limit=40.0, base_seconds=0.5)
    known, now = [40.0], 0.0
    for window in windows:
        now += window.seconds
        assert controller.update(now, msgspec.structs.replace(window, failed=window.answered + 2)) <= known[-1]
        known.append(controller.knowledge.limit)
    assert known == sorted(known, reverse=True)


def test_one_failed_call_is_chance() -> None:
    """With two servers one call in a few fails now and then, or takes very long: that says nothing of the others."""
    controller = _known(limit=3.0, base_seconds=2.0)
    controller.update(0.1, Window(0.1, timed_out=1, in_flight=2.0))
    assert controller.knowledge.limit == 3.0
    controller.update(0.2, Window(0.1, timed_out=1, in_flight=1.0))
    assert controller.knowledge.limit == 1.5


def test_a_call_that_timed_out_counts_as_under_way_for_four_round_trips() -> None:
    """It still holds its server, so in its place nothing else may go out; after that the limit is what it was."""
    controller = _settled(limit=14.0, base_seconds=1.0, rate=10.0)
    seen = Window(0.1, answered=1, latencies=[1.4], in_flight=13.0)
    assert controller.update(24.1, msgspec.structs.replace(seen, timed_out=1)) == 13
    assert _update_until(controller, 28.0, seen, start=24.2) == 13
    assert _update_until(controller, 28.2, seen, start=28.1) == 14


def test_nothing_goes_out_to_a_registry_that_fell_silent_before_it_answers() -> None:
    """Calls that time out there would otherwise be replaced one by one, and the crowd inside would never shrink."""
    controller = _settled(limit=7.0, base_seconds=2.0, rate=2.5)
    assert _update_until(controller, 28.0, Window(0.1, in_flight=7.0), start=24.1) == 0
    assert controller.knowledge.limit < 7.0
    assert controller.update(28.1, Window(0.1, answered=1, latencies=[7.0], in_flight=6.0)) >= 2


def test_a_silent_registry_is_asked_again_when_nothing_is_under_way() -> None:
    """All calls timed out: once their servers can be free again, one call goes out to see."""
    controller = _settled(limit=7.0, base_seconds=2.0, rate=2.5)
    assert _update_until(controller, 28.0, Window(0.1, in_flight=7.0), start=24.1) == 0
    assert controller.update(34.0, Window(0.1, timed_out=7)) == 0
    assert _update_until(controller, 41.0, Window(0.1), start=34.1) == 0
    assert _update_until(controller, 43.0, Window(0.1), start=41.1) >= 1


def test_a_worker_that_is_late_to_tell_is_no_silence() -> None:
    """A busy machine tells of half a second's answers in one go: nothing is held back."""
    controller = _settled(limit=14.0, base_seconds=0.1, rate=100.0)
    assert _update_until(controller, 24.5, Window(0.1, in_flight=14.0), start=24.1) > 0
    assert controller.update(24.6, Window(0.1, answered=60, latencies=[0.14], in_flight=14.0)) >= 14


def test_less_work_is_no_silence() -> None:
    """Where nothing was asked, nothing is missing."""
    controller = _settled(limit=7.0, base_seconds=2.0, rate=2.5)
    assert _update_until(controller, 40.0, Window(0.1), start=24.1) == 7


def _known(*, limit: float, base_seconds: float) -> Controller:
    return Controller(ceiling=CEILING, knowledge=Knowledge(limit=limit, base_seconds=base_seconds, base_calls=20))


def _settled(*, limit: float, base_seconds: float, rate: float) -> Controller:
    """One that saw so many answers a second for 24 seconds."""
    controller = _known(limit=limit, base_seconds=base_seconds)
    controller.state, controller._drain_at = State.CRUISING, 1_000.0  # noqa: SLF001 - no drain in this test
    seen = Window(1 / rate, answered=1, latencies=[1.4 * base_seconds], in_flight=limit)
    for number in range(1, int(24 * rate) + 1):
        controller.update(number / rate, seen)
    assert controller.limit == limit
    return controller


def _update_until(controller: Controller, end: float, window: Window, *, start: float) -> int:
    """The same window again and again; the last limit."""
    ticks = round((end - start) / window.seconds) + 1
    return [controller.update(start + window.seconds * tick, window) for tick in range(ticks)][-1]


@given(_runs, _runs)
def test_another_holder_goes_on_from_what_is_known(before: list[Window], after: list[Window]) -> None:
    """Knowledge survives the wire, and whoever takes over starts at the same limit, within the bounds."""
    controller = Controller(ceiling=CEILING)
    _play(controller, before)
    knowledge = msgspec.json.decode(msgspec.json.encode(controller.knowledge), type=Knowledge)
    assert knowledge == controller.knowledge
    heir = Controller(ceiling=CEILING, knowledge=knowledge)
    assert 1 <= heir.limit <= CEILING
    assert heir.base_seconds == controller.base_seconds
    assert all(0 <= limit <= CEILING for limit in _play(heir, after))
