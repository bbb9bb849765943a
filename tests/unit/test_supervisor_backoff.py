"""When a dead service is started again, and how long each group may take to stop."""

import pytest

from gelombang.backoff import CAP_SECONDS, FIRST_SECONDS, WELL_AFTER_SECONDS, Backoff, allowance_seconds


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Give the time in seconds."""
        return self.now


def test_each_death_doubles_the_wait_up_to_a_cap() -> None:
    """A service that cannot start leaves the machine alone, yet is tried for ever."""
    backoff = Backoff(Clock())
    delays = []
    for _ in range(10):
        backoff.started()
        delays.append(backoff.died())
    assert delays[:3] == [FIRST_SECONDS, FIRST_SECONDS * 2, FIRST_SECONDS * 4]
    assert delays[-2:] == [CAP_SECONDS, CAP_SECONDS]
    assert sorted(delays) == delays


def test_a_service_that_ran_well_starts_from_the_shortest_wait() -> None:
    """Two deaths with a good life in between are two stories."""
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.started()
        backoff.died()
    backoff.started()
    clock.now += WELL_AFTER_SECONDS
    assert backoff.died() == FIRST_SECONDS
    assert backoff.deaths == 1


def test_a_life_just_too_short_does_not_reset_the_wait() -> None:
    """A service that dies every few seconds is not well."""
    clock = Clock()
    backoff = Backoff(clock)
    backoff.started()
    backoff.died()
    backoff.started()
    clock.now += WELL_AFTER_SECONDS - 1
    assert backoff.died() == FIRST_SECONDS * 2


def test_the_wait_stays_a_number_after_very_many_deaths() -> None:
    """A service that has been dying for days is still tried every few seconds."""
    backoff = Backoff(Clock())
    for _ in range(5_000):
        backoff.started()
        delay = backoff.died()
        assert delay <= CAP_SECONDS


@pytest.mark.parametrize(
    ("remaining", "reserved", "expected"),
    [(9.0, 4.0, 5.0), (9.0, 0.0, 9.0), (2.0, 3.0, 0.0)],
)
def test_a_group_leaves_later_groups_their_share(remaining: float, reserved: float, expected: float) -> None:
    """A front door that hangs must not cost PostgreSQL its clean shutdown."""
    assert expected == allowance_seconds(remaining, reserved)
