"""When a backlog is done and the quota ends: arithmetic that on-call relies on at night."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.outlook import Outlook, Quota, outlook

DAY = 86_400.0


@pytest.mark.parametrize("per_second", [0.0, 8.3])
def test_nothing_is_done_at_once(per_second: float) -> None:
    """Whatever the rate."""
    assert outlook(due=0, later=[], per_second=per_second) == Outlook(0.0, None)


def test_without_a_rate_nothing_is_known() -> None:
    """Nobody works: no number is better than a wrong one."""
    assert outlook(due=5, later=[], per_second=0.0) == Outlook(None, None)
    assert outlook(due=0, later=[(60.0, 1)], per_second=0.0) == Outlook(None, None)


def test_the_backlog_of_2020_takes_fourteen_hours() -> None:
    """438,938 people at 8.3 a second."""
    found = outlook(due=438_938, later=[], per_second=8.3).done_in_seconds
    assert found == pytest.approx(14.7 * 3_600, rel=0.01)


def test_work_that_is_due_later_is_waited_for() -> None:
    """A recheck in an hour is not done before, and many of them take their time then."""
    assert outlook(due=10, later=[(3_600.0, 1)], per_second=1.0).done_in_seconds == 3_601.0
    assert outlook(due=10, later=[(5.0, 100), (2.0, 5)], per_second=1.0).done_in_seconds == 115.0


def test_a_quota_that_lasts_changes_nothing() -> None:
    """It does not end either."""
    assert outlook(due=100, later=[], per_second=1.0, quota=Quota(100, 3_600.0, 100)) == Outlook(100.0, None)


def test_a_quota_that_ends_parks_the_rest_until_the_next_day() -> None:
    """It ends in a minute; the other forty wait until it is renewed."""
    assert outlook(due=100, later=[], per_second=1.0, quota=Quota(60, 3_600.0, 100)) == Outlook(3_640.0, 60.0)


def test_a_quota_that_is_used_up_has_ended() -> None:
    """Now."""
    assert outlook(due=10, later=[], per_second=1.0, quota=Quota(0, 60.0, 100)) == Outlook(70.0, 0.0)


def test_a_backlog_of_days_needs_days() -> None:
    """A hundred a day: three days for what is left after today."""
    found = outlook(due=310, later=[], per_second=1.0, quota=Quota(10, 3_600.0, 100))
    assert found == Outlook(3_600.0 + 2 * DAY + 100.0, 10.0)


def test_what_takes_more_than_a_month_is_never() -> None:
    """As things go."""
    assert outlook(due=10, later=[], per_second=1.0, quota=Quota(0, 60.0, 0)).done_in_seconds is None


@given(
    due=st.integers(0, 10_000),
    later=st.lists(st.tuples(st.floats(0, 10_000), st.integers(0, 1_000)), max_size=6),
    per_second=st.floats(0.1, 1_000),
    quota=st.none() | st.builds(Quota, st.integers(0, 5_000), st.floats(1, DAY), st.integers(1_000, 20_000)),
)
def test_it_is_never_faster_than_the_work_or_its_due_time(
    due: int, later: list[tuple[float, int]], per_second: float, quota: Quota | None
) -> None:
    """And without a quota it always ends."""
    found = outlook(due=due, later=later, per_second=per_second, quota=quota)
    total = due + sum(count for _, count in later)
    if found.done_in_seconds is not None:
        assert found.done_in_seconds >= total / per_second * (1 - 1e-6) - 1e-6
        assert all(found.done_in_seconds >= seconds for seconds, count in later if count)
    if quota is None:
        assert found.done_in_seconds is not None
        assert found.quota_ends_in_seconds is None
        assert math.isfinite(found.done_in_seconds)
