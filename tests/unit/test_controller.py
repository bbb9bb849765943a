"""The controller keeps its bounds, whatever it is told. How well it finds a capacity: tests/unit/test_adaptation.py."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from verify_workers.ministry.controller import Controller, Knowledge, Window

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
def test_the_limit_stays_between_one_and_the_ceiling(windows: list[Window]) -> None:
    """No sequence of windows, sensible or not, leads out of the bounds."""
    assert all(1 <= limit <= CEILING for limit in _play(Controller(ceiling=CEILING), windows))


@given(_runs)
def test_it_never_grows_while_calls_fail(windows: list[Window]) -> None:
    """As long as at least half of what comes back is trouble, the limit only falls."""
    controller = Controller(ceiling=CEILING, knowledge=Knowledge(limit=40.0, base_seconds=0.5, base_calls=10))
    failing = [msgspec.structs.replace(window, failed=window.answered + 1) for window in windows]
    limits = [40, *_play(controller, failing)]
    assert limits == sorted(limits, reverse=True)


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
    assert all(1 <= limit <= CEILING for limit in _play(heir, after))
