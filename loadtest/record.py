"""What was seen of each applicant, and the counts that the funnel shows.

In memory only: a run that is killed has shown what it saw and leaves nothing else.
"""

import enum
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from loadtest.applicants import Applicant
from loadtest.personas import End
from registration.checks import FROM_THE_START, Kind, Overall, State


class Stage(enum.Enum):
    """The way of a registration, in the order in which the funnel shows it."""

    REGISTERED = "registered"
    EMAIL = "e-mail"
    NIK = "NIK"
    PHONE = "phone"
    COMPLETE = "complete"


_STAGE_OF_CHECK = {Kind.EMAIL: Stage.EMAIL, Kind.NIK: Stage.NIK, Kind.PHONE: Stage.PHONE}


@dataclass
class Tally:
    """Counts over all applicants of a run."""

    begun: int = 0
    ended: int = 0
    rejected: int = 0
    retries: int = 0
    stages: Counter[Stage] = field(default_factory=Counter)

    @property
    def walking(self) -> int:
        """How many have begun and are not through."""
        return self.begun - self.ended


class UnexpectedError(Exception):
    """The system did what the contract does not say; the text tells what."""


class Record:
    """One applicant's."""

    def __init__(self, applicant: Applicant, tally: Tally, *, due_at: float) -> None:
        self.applicant = applicant
        self.tally = tally
        self.due_at = due_at
        self.registered_at: float | None = None
        self.ended_at: float | None = None
        self.handle: str | None = None
        self.status_url: str | None = None
        self.seen: End | None = None
        self.asks_students = True
        self.flaws: list[str] = []
        self.trouble: str | None = None  # the last thing that went wrong and was tried again
        self._stages: set[Stage] = set()
        tally.begun += 1

    def register(self, receipt: dict[str, Any], *, at: float) -> None:
        """The front door's receipt came; raises `UnexpectedError` when it is none."""
        try:
            self.handle, self.status_url = receipt["handle"], receipt["status_url"]
        except KeyError as error:
            raise UnexpectedError(f"receipt without {error}") from error
        self.registered_at = at
        self._reach(Stage.REGISTERED)

    def see(self, status: dict[str, Any]) -> End:
        """Take down a status; raises `UnexpectedError` when it contradicts itself or has no such form."""
        try:
            checks, state = status["checks"], status["state"]
            words = {kind: _word(checks[kind]) for kind in FROM_THE_START}
            self.asks_students = Kind.STUDENT in checks
            if self.asks_students and words[Kind.NIK] == State.VERIFIED:
                words[Kind.STUDENT] = _word(checks[Kind.STUDENT])
        except (KeyError, TypeError) as error:
            raise UnexpectedError(f"status without {error}") from error
        seen = End(**words)
        if state != seen.overall:
            raise UnexpectedError(f"state {state}, but the checks say {seen}")
        if seen != self.seen:
            self._count(seen, words)
        self.seen = seen
        return seen

    @property
    def as_deserved(self) -> bool:
        """Whether what was last seen is an end that the persona deserves; where nobody is asked, nobody studies."""
        deserved = self.applicant.persona.deserves
        if not self.asks_students:
            deserved = tuple(msgspec.structs.replace(end, student=State.VERIFIED.value) for end in deserved)
        return self.seen in deserved

    def retried(self, trouble: str) -> None:
        """A request went wrong and is sent again."""
        self.trouble = trouble
        self.tally.retries += 1

    def end(self, *, at: float) -> None:
        """Nothing more will happen."""
        self.ended_at = at
        self.tally.ended += 1

    def _count(self, seen: End, words: dict[Kind, str]) -> None:
        for kind, word in words.items():
            if word == State.VERIFIED and kind in _STAGE_OF_CHECK:
                self._reach(_STAGE_OF_CHECK[kind])
        if seen.overall is Overall.COMPLETE:
            self._reach(Stage.COMPLETE)
        was_rejected = self.seen is not None and self.seen.overall is Overall.REJECTED
        if seen.overall is Overall.REJECTED and not was_rejected:
            self.tally.rejected += 1

    def _reach(self, stage: Stage) -> None:
        if stage not in self._stages:
            self._stages.add(stage)
            self.tally.stages[stage] += 1


def _word(check: dict[str, Any]) -> str:
    word = check["reason"] if check["state"] == State.REJECTED else check["state"]
    if not isinstance(word, str):
        raise UnexpectedError("a rejection without a reason")
    return word
