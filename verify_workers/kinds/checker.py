"""The protocol between the processor and the outside world."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from registration.applicant import Applicant
from registration.store.work import Delay, Verdict, Work


class Answer(msgspec.Struct, frozen=True):
    """What the outside said. `remember` keeps a verdict for everyone with the same identity."""

    result: Verdict | Delay
    remember: bool = False


class Checker(Protocol):
    """Asks the outside about one person, once."""

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Do at once for a whole delivery what would be dear for each; `check` follows for every one of them.

        Raises nothing but bugs, and `check` must do without it.
        """

    async def keep(self) -> None:
        """Called a few times per lease, with work in hand or not: renew what is held elsewhere. Raises `Retryable`."""

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Ask; within a deadline of its own.

        Raises `Retryable` for the system's trouble, `Permanent` for what trying again cannot help, and `Postponed` when
        nothing was tried, `HeldBack` when that shall be so for a while.
        Anything else is a bug: the entry stays pending and is delivered again.
        """

    async def close(self) -> None:
        """Close its connections."""
