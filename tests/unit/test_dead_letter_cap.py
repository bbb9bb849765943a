"""One wrong deployment cannot bury the day's work: beyond a share, work is delayed in place of being set aside."""

from uuid import uuid4

import pytest

from registration.checks import State
from registration.store.work import Delay, Outcome, Verdict, Work
from verify_workers.dead_letter_cap import DeadLetterCap

GOOD = Verdict(State.VERIFIED)
DEAD = Delay("mail_policy", None)
LATER = Delay("mail_deferred", 5.0)


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cap(clock: Clock) -> DeadLetterCap:
    return DeadLetterCap(share=0.1, monotonic=clock)


def batch(*results: Verdict | Delay) -> list[Outcome]:
    return [Outcome(Work(uuid4(), b"", b"", 0, 0), result) for result in results]


def set_aside(cap: DeadLetterCap, *results: Verdict | Delay) -> tuple[int, str | None]:
    """How many were set aside, and the cause if that were too many."""
    outcomes, cause = cap.apply(batch(*results))
    return sum(isinstance(o.result, Delay) and o.result.wait_seconds is None for o in outcomes), cause


def test_a_few_are_always_set_aside(cap: DeadLetterCap) -> None:
    """However little else there is."""
    assert set_aside(cap, *[DEAD] * 20) == (20, None)


def test_beyond_its_share_nothing_more_is_set_aside(cap: DeadLetterCap) -> None:
    """It is delayed with its cause; what else is in the batch stays as it is."""
    set_aside(cap, *[GOOD] * 10, *[DEAD] * 20)
    outcomes, cause = cap.apply(batch(DEAD, GOOD, LATER))

    assert cause == "mail_policy"
    assert [outcome.result for outcome in outcomes] == [Delay("mail_policy", 60.0), GOOD, LATER]


def test_much_good_work_allows_some_dead_letters(cap: DeadLetterCap) -> None:
    """The share counts, not the number."""
    for _ in range(50):
        assert set_aside(cap, *[GOOD] * 19, DEAD) == (1, None)


def test_the_commonest_cause_is_told(cap: DeadLetterCap) -> None:
    """On-call reads it as the reason of the pause."""
    assert set_aside(cap, *[Delay("data_unreadable", None)] * 15, *[Delay("key_missing", None)] * 16) == (
        0,
        "key_missing",
    )


def test_what_was_five_minutes_ago_is_forgotten(cap: DeadLetterCap, clock: Clock) -> None:
    """After a pause the count begins anew."""
    set_aside(cap, *[DEAD] * 20)
    clock.now += 301.0

    assert set_aside(cap, *[DEAD] * 20) == (20, None)


def test_a_batch_without_dead_letters_passes_whatever_was_before(cap: DeadLetterCap) -> None:
    """Only who would set something aside meets the cap."""
    set_aside(cap, *[DEAD] * 20)

    assert set_aside(cap, GOOD) == (0, None)
