"""The protocol between the processor and the outside world."""

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

    async def check(self, person: Applicant, work: Work) -> Answer:
        """Ask; within a deadline of its own.

        Raises `Retryable` for the system's trouble and `Permanent` for what trying again cannot help. Anything else is
        a bug: the entry stays pending and is delivered again.
        """

    async def close(self) -> None:
        """Close its connections."""
