"""Keeps retries from adding to the registry's trouble: they may start only while few calls are wasted.

Every answer earns a share of a token, every call that brings none costs a whole one, and a second or later try may
start only for a token, which it gets back when it is answered. So while more than that share of all calls fail, retries
wait and only first tries go out; once the registry answers again, retries pay for themselves and nothing holds them
back. A slow trickle lets a retry through when there is no first try to earn anything.

What may not start waits: its check stays due and is charged no attempt.

Pure: the caller's monotonic seconds are passed in. If the process dies, the next one starts with an empty purse.
"""

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True):
    """`share` of a token for each answer, never more than `most` in the purse nor more than `debt` owed.

    One token comes from nowhere every `trickle_seconds`, whatever is owed.
    """

    share: float = 0.08
    most: float = 20.0
    debt: float = 5.0
    trickle_seconds: float = 5.0


class RetryBudget:
    """One purse: of a worker or of the whole pool, whoever calls it."""

    def __init__(self, policy: RetryPolicy, *, now_seconds: float) -> None:
        self._policy = policy
        self._tokens = 0.0
        self._trickled_at = now_seconds  # when the last token came from nowhere

    @property
    def tokens(self) -> float:
        """How many retries could start at once; negative is what answers must first make good."""
        return self._tokens

    def answered(self, *, tries: int) -> None:
        """A check's `tries`-th call, 1 being the first, got an answer of the registry, whatever it says."""
        self._add(self._policy.share + (1.0 if tries > 1 else 0.0))

    def failed(self, *, tries: int) -> None:
        """It got none. A retry's token is spent already."""
        if tries == 1:
            self._add(-1.0)

    def take(self, now_seconds: float) -> bool:
        """Whether a second or later try may start now; its token is taken."""
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        if now_seconds - self._trickled_at >= self._policy.trickle_seconds:
            self._trickled_at = now_seconds
            return True
        return False

    def give_back(self) -> None:
        """A retry whose token was taken did not call after all."""
        self._add(1.0)

    def _add(self, tokens: float) -> None:
        self._tokens = min(max(self._tokens + tokens, -self._policy.debt), self._policy.most)
