"""Retries go out while they are answered, and wait while they would only add to the registry's trouble."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify_workers.ministry.retry_budget import RetryBudget, RetryPolicy

POLICY = RetryPolicy()


class Registry:
    """Answers all but a share of the calls; every check that failed is due again at once."""

    def __init__(self, *, failing: float, seed: int) -> None:
        self.budget = RetryBudget(POLICY, now_seconds=0.0)
        self.randomness = random.Random(seed)  # noqa: S311 - a seeded registry
        self.failing = failing
        self.now = 0.0
        self.first = self.retries = self.verdicts = 0
        self.due = 0

    def call(self) -> None:
        """One call every 10 ms: a retry where one is due and allowed, else a new check."""
        self.now += 0.01
        is_retry = self.due > 0 and self.budget.take(self.now, failures=1)
        if not is_retry:
            self.budget.begin(self.now)
        self.first += not is_retry
        self.retries += is_retry
        self.due -= is_retry
        tries = 2 if is_retry else 1
        if self.randomness.random() < self.failing:
            self.budget.failed(tries=tries)
            self.due += 1
        else:
            self.budget.answered(self.now, tries=tries)
            self.verdicts += 1


@pytest.mark.parametrize("failing", [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9, 1.0])
def test_retries_stay_below_a_tenth_at_any_rate_of_failure(failing: float) -> None:
    """Calls for each distinct check: at most 1.10, whatever share of the calls fails."""
    registry = Registry(failing=failing, seed=3)
    for _ in range(20_000):
        registry.call()
    assert registry.first + registry.retries <= 1.10 * registry.first


def test_a_healthy_registry_is_asked_once_for_each_verdict() -> None:
    """With half a per cent of failures every check is tried again soon, at hardly any cost."""
    registry = Registry(failing=0.005, seed=4)
    for _ in range(20_000):
        registry.call()
    assert registry.first + registry.retries <= 1.01 * registry.verdicts
    assert registry.due <= 2


def test_after_an_outage_what_waited_goes_out_freely() -> None:
    """A thousand checks that failed are all retried once the registry answers, without a wait for tokens."""
    registry = Registry(failing=1.0, seed=5)
    for _ in range(1_000):
        registry.call()
    registry.failing = 0.0
    retries = registry.retries
    for _ in range(1_100):
        registry.call()
    assert registry.due == 0
    assert registry.retries - retries >= 990


def test_without_first_tries_a_retry_trickles_through() -> None:
    """Where only failed checks are left, one goes out every few seconds, so the end of the trouble is noticed."""
    budget = RetryBudget(POLICY, now_seconds=0.0)
    taken = [now for now in range(1, 62) if budget.take(float(now), failures=1)]
    assert len(taken) == 12


def test_while_there_are_first_tries_nothing_trickles() -> None:
    """A registry that fails a third of the calls gets no retry for minutes, since each would only be one call more."""
    registry = Registry(failing=0.3, seed=6)
    for _ in range(36_000):
        registry.call()
    assert registry.retries <= 0.01 * registry.first


def test_a_gate_that_stays_shut_makes_no_tokens() -> None:
    """Who trickled through and was sent back again and again leaves a few tokens, not one for each time."""
    budget = RetryBudget(POLICY, now_seconds=0.0)
    for now in range(0, 600, 5):
        if budget.take(float(now), failures=1):
            budget.give_back()
    assert budget.tokens <= POLICY.spare


def test_a_token_that_was_not_used_comes_back() -> None:
    """Who took a token and then did not call costs nothing."""
    budget = RetryBudget(POLICY, now_seconds=0.0)
    assert budget.take(5.0, failures=1)
    budget.give_back()
    assert budget.take(5.0, failures=1)


@given(st.lists(st.tuples(st.sampled_from(["answered", "failed", "take"]), st.integers(1, 9)), max_size=200))
def test_purse_and_debt_have_bounds(steps: list[tuple[str, int]]) -> None:
    """Whatever happens, neither the purse nor the debt is without bounds."""
    budget = RetryBudget(POLICY, now_seconds=0.0)
    for now, (what, tries) in enumerate(steps):
        match what:
            case "answered":
                budget.answered(float(now), tries=tries)
            case "failed":
                budget.failed(tries=tries)
            case _:
                budget.take(float(now), failures=1)
        assert -POLICY.debt <= budget.tokens <= POLICY.most
