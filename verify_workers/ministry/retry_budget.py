"""Keeps retries from adding to the registry's trouble: they may start only while few calls are wasted.

Every answer earns a share of a token, every first try that brings none costs a whole one, and a second or later try may
start only for a token, which it gets back when it is answered. So while more than that share of all calls fail, retries
wait and only first tries go out; once the registry answers again, retries pay for themselves and nothing holds them
back. Where no first try goes out any more, what is owed is forgotten every few seconds for one retry, which so finds
the end of the trouble.

One purse for each worker, over its own calls: shares of each worker's first tries add up to the same share of all. So
it needs no Valkey, and holds without it.

What may not start waits: its check is put off and charged no attempt.

Pure: the caller's monotonic seconds are passed in. If the process dies, the next one starts with an empty purse.
"""

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True):
    """`share` of a token for each answer, never more than `most` in the purse nor more than `debt` owed.

    `most` is also how many retries can be under way at once. Whatever is owed, there is one token after every
    `trickle_seconds` in which nobody made a first try.
    """

    share: float = 0.08
    most: float = 20.0
    debt: float = 5.0
    trickle_seconds: float = 5.0


class RetryBudget:
    """The purse of one worker."""

    def __init__(self, policy: RetryPolicy, *, now_seconds: float) -> None:
        self._policy = policy
        self._tokens = 0.0
        self._quiet_since = now_seconds  # the last first try, or the last time that debts were forgotten

    @property
    def tokens(self) -> float:
        """How many retries could start at once; negative is what answers must first make good."""
        return self._tokens

    def begin(self, now_seconds: float) -> None:
        """A first try starts, for which no leave is needed."""
        self._quiet_since = now_seconds

    def take(self, now_seconds: float) -> bool:
        """Whether a second or later try may start now; its token is taken."""
        if self._tokens < 1.0 and now_seconds - self._quiet_since >= self._policy.trickle_seconds:
            self._quiet_since = now_seconds
            self._tokens = 1.0
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """A retry whose token was taken did not call after all."""
        self._add(1.0)

    def answered(self, *, tries: int) -> None:
        """A check's `tries`-th call, 1 being the first, got an answer of the registry, whatever it says."""
        self._add(self._policy.share + (1.0 if tries > 1 else 0.0))

    def failed(self, *, tries: int) -> None:
        """It got none. A retry's token is spent already."""
        if tries == 1:
            self._add(-1.0)

    def _add(self, tokens: float) -> None:
        self._tokens = min(max(self._tokens + tokens, -self._policy.debt), self._policy.most)
