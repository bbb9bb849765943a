"""Keeps retries from adding to the registry's trouble, and gives them all the free room when there is none.

Every answer earns a share of a token, every first try that brings none costs a whole one, and a second or later try may
start only for a token, which it gets back when it is answered. So while more than that share of all calls fail, retries
wait and first tries go out.

Where no first try went out for a moment, retries are all that tells how the registry is. Then an answered one earns
another token beside its own: as long as more than half of them are answered they double with every round trip, up to
what controller and ceiling allow. Time earns too, a token every few seconds whatever fails, and it forgets debts soon,
so somebody always goes and finds the end of the trouble.

Whoever failed more often needs a fuller purse. So scarce tokens go to those who failed least, and an identity that
always fails neither takes the place of one that only met an outage, nor lives on the answers of others.

One purse for each worker, over its own calls: shares of each worker's first tries add up to the same share of all. So
it needs no Valkey, and holds without it.

What may not start waits: its check is put off and charged no attempt.

Pure: the caller's monotonic seconds are passed in. If the process dies, the next one starts with an empty purse.
"""

import math

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True):
    """`share` of a token for each answer, never more than `most` in the purse nor more than `debt` owed.

    `most` is also how many retries can be under way at once. Time earns a token every `trickle_seconds`, up to `spare`,
    and makes good a token owed every `forget_seconds`. Who failed `spare` times or more needs so many in the purse.
    Retries are alone after `alone_seconds` without a first try.
    """

    share: float = 0.08
    most: float = 20.0
    debt: float = 5.0
    spare: float = 5.0
    trickle_seconds: float = 5.0
    forget_seconds: float = 1.0
    alone_seconds: float = 1.0


class RetryBudget:
    """The purse of one worker."""

    def __init__(self, policy: RetryPolicy, *, now_seconds: float) -> None:
        self._policy = policy
        self._tokens = 0.0
        self._earned_at = now_seconds
        self._first_at = -math.inf  # the last first try

    @property
    def tokens(self) -> float:
        """What is in the purse; negative is what answers or time must first make good."""
        return self._tokens

    def begin(self, now_seconds: float) -> None:
        """A first try starts, for which no leave is needed."""
        self._first_at = now_seconds

    def take(self, now_seconds: float, *, failures: int) -> bool:
        """Whether a check that failed so often, once or more, may be tried again now; its token is taken."""
        self._pass_time(now_seconds)
        if self._tokens < min(max(failures, 1), self._policy.spare):
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """A retry whose token was taken did not call after all."""
        self._add(1.0)

    def answered(self, now_seconds: float, *, tries: int) -> None:
        """A check's `tries`-th call, 1 being the first, got an answer of the registry, whatever it says."""
        is_alone = now_seconds - self._first_at >= self._policy.alone_seconds
        back = 0.0 if tries == 1 else 2.0 if is_alone else 1.0
        self._add(self._policy.share + back)

    def failed(self, *, tries: int) -> None:
        """It got none. A retry's token is spent already."""
        if tries == 1:
            self._add(-1.0)

    def _pass_time(self, now: float) -> None:
        """Debts are forgotten first, then something is put by."""
        policy = self._policy
        seconds, self._earned_at = now - self._earned_at, now
        if self._tokens < 0.0:
            forgotten = min(-self._tokens, seconds / policy.forget_seconds)
            self._tokens += forgotten
            seconds -= forgotten * policy.forget_seconds
        if self._tokens < policy.spare:
            self._tokens = min(self._tokens + seconds / policy.trickle_seconds, policy.spare)

    def _add(self, tokens: float) -> None:
        self._tokens = min(max(self._tokens + tokens, -self._policy.debt), self._policy.most)
