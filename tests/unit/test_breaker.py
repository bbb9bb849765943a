"""The breaker stops calls to a registry that does not answer, and lets them out again step by step."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify_workers.ministry.breaker import (
    QUOTA,
    Breaker,
    BreakerPolicy,
    BreakerState,
    Outcomes,
    seconds_until_midnight,
)

POLICY = BreakerPolicy()
MIDNIGHT = 10_000.0
LIMIT = 100
DOWN = Outcomes(failures={"ministry_error": 10, "ministry_timeout": 2})
WELL = Outcomes(answered=10)


def _breaker() -> Breaker:
    return Breaker(POLICY, now_seconds=0.0, randomness=random.Random(1))  # noqa: S311 - jitter


def _update(breaker: Breaker, now: float, outcomes: Outcomes = Outcomes(), midnight_in: float = MIDNIGHT) -> int:  # noqa: B008 - frozen
    breaker.update(now, outcomes, midnight_in_seconds=midnight_in)
    return breaker.allowance(now, LIMIT)


def test_it_lets_everything_out_while_the_registry_answers() -> None:
    """Failures below the share change nothing."""
    breaker = _breaker()
    allowed = [_update(breaker, now, Outcomes(answered=8, failures={"ministry_error": 4})) for now in range(100)]
    assert set(allowed) == {LIMIT}


def test_it_opens_with_the_cause_that_was_met_most() -> None:
    """On-call sees what the trouble is; no call goes out."""
    breaker = _breaker()
    assert _update(breaker, 1.0, DOWN) == 0
    assert (breaker.state, breaker.cause) == (BreakerState.OPEN, "ministry_error")


def test_few_failures_alone_do_not_open_it() -> None:
    """Two failed calls out of two say nothing yet, and what is long ago does not count."""
    breaker = _breaker()
    for now in range(0, 400, 10):
        assert _update(breaker, now, Outcomes(failures={"ministry_timeout": 3})) == LIMIT


def test_where_calls_are_few_it_looks_back_further() -> None:
    """A call every two seconds, none of them answered: after ten of them it opens, not never."""
    breaker = _breaker()
    allowed = [_update(breaker, now, Outcomes(failures={"ministry_timeout": 1})) for now in range(0, 20, 2)]
    assert allowed == [LIMIT] * 9 + [0]


def test_it_probes_and_then_grows_to_the_full_limit() -> None:
    """After the wait a few calls go out; enough answers let the rest follow over some seconds."""
    breaker = _breaker()
    _update(breaker, 0.0, DOWN)
    assert _update(breaker, 2.0) == POLICY.probe_calls
    assert _update(breaker, 2.1, Outcomes(answered=1)) == POLICY.probe_calls
    allowed = [_update(breaker, now, Outcomes(answered=1)) for now in (2.2, 3.2, 4.2, 5.2, 7.2, 8.0)]
    assert allowed == [1, 20, 40, 60, 100, 100]
    assert (breaker.state, breaker.cause) == (BreakerState.CLOSED, None)


def test_waits_grow_while_probes_fail_and_end_at_the_cap() -> None:
    """A registry that stays away is asked more and more seldom, but often enough to notice its return soon."""
    breaker = _breaker()
    _update(breaker, 0.0, DOWN)
    opened, waits = 0.0, []
    for tenth in range(1, 2_000):
        now = tenth / 10
        if _update(breaker, now):
            waits.append(now - opened)
            opened = now + 0.05
            _update(breaker, opened, Outcomes(failures={"ministry_error": 1}))
    assert waits[0] <= POLICY.first_wait_seconds + 0.1
    assert waits[0] < waits[1] < waits[2]
    assert 0.75 * POLICY.longest_wait_seconds <= waits[-1] <= POLICY.longest_wait_seconds + 0.1


def test_stragglers_of_calls_from_before_change_nothing_while_it_is_open() -> None:
    """Answers and failures that come back late neither close it nor make the wait longer."""
    breaker = _breaker()
    _update(breaker, 0.0, DOWN)
    assert [_update(breaker, 0.5, WELL), _update(breaker, 1.0, DOWN)] == [0, 0]
    assert _update(breaker, 2.0) == POLICY.probe_calls


def test_one_identitys_quota_answers_park_that_check_alone() -> None:
    """However often one NIK is refused for its quota, the others go on."""
    breaker = _breaker()
    for now in range(100):
        assert _update(breaker, now, Outcomes(quota=frozenset({b"one"}))) == LIMIT


def test_a_run_of_quota_answers_waits_for_midnight_and_probes_in_between() -> None:
    """The day's quota is gone: hardly a call until midnight, and no later than midnight calls go out again."""
    breaker = _breaker()
    for number in range(POLICY.quota_identities):
        _update(breaker, 0.0, Outcomes(quota=frozenset({bytes([number])})))
    assert (breaker.state, breaker.cause) == (BreakerState.OPEN, QUOTA)
    probes, midnight = 0, 1_000.0
    for now in range(1, 1_001):
        if breaker.state is BreakerState.PROBING:
            probes += 1
            _update(breaker, now, Outcomes(quota=frozenset({b"probe"})), midnight - now)
        else:
            _update(breaker, now, midnight_in=midnight - now)
    assert 3 <= probes <= 5
    assert breaker.state is BreakerState.PROBING


def test_an_answer_ends_a_run_of_quota_answers() -> None:
    """While anybody is answered the day's quota is not gone."""
    breaker = _breaker()
    for number in range(50):
        assert _update(breaker, number, Outcomes(quota=frozenset({bytes([number])}), answered=number % 2)) == LIMIT


def test_the_next_holder_waits_the_rest_of_the_wait() -> None:
    """A process that dies while it is open does not let calls out early."""
    breaker = _breaker()
    for number in range(POLICY.quota_identities):
        _update(breaker, 0.0, Outcomes(quota=frozenset({bytes([number])})), 60.0)
    heir = Breaker(POLICY, now_seconds=5_000.0, randomness=random.Random(2), memory=breaker.memory(20.0))  # noqa: S311 - jitter
    assert [_update(heir, 5_039.0), _update(heir, 5_040.0)] == [0, POLICY.probe_calls]


@pytest.mark.parametrize(("hour", "seconds"), [(16, 3_600.0), (17, 86_400.0), (0, 61_200.0)])
def test_midnight_is_jakartas(hour: int, seconds: float) -> None:
    """The registry's day begins at 17:00 UTC."""
    assert seconds_until_midnight(datetime(2020, 4, 11, hour, tzinfo=UTC)) == seconds


_outcomes = st.builds(
    Outcomes,
    answered=st.integers(0, 50),
    failures=st.dictionaries(st.sampled_from(["ministry_error", "ministry_timeout"]), st.integers(1, 50)),
    quota=st.frozensets(st.binary(min_size=1, max_size=1), max_size=6),
)


@given(steps=st.lists(st.tuples(st.floats(0.0, 100.0), _outcomes), max_size=40))
def test_whatever_happens_it_allows_no_more_than_the_limit_and_recovers(steps: list[tuple[float, Outcomes]]) -> None:
    """Never more than the limit, never less than none, and a registry that is well again gets everything again."""
    breaker, now = _breaker(), 0.0
    for pause, outcomes in steps:
        now += pause
        assert 0 <= _update(breaker, now, outcomes) <= LIMIT
    for _ in range(80):
        now += 10.0
        _update(breaker, now, WELL if breaker.state is not BreakerState.OPEN else Outcomes())
    assert breaker.allowance(now, LIMIT) == LIMIT
