"""What each page is given. Texts in a view are in the page's language already; values are as the applicant typed them.

Plain data, nothing escaped: the templates escape.
"""

import math
from collections.abc import Mapping
from datetime import datetime

import msgspec

from registration.assessment import Paper
from registration.checks import Kind, Overall, State
from registration.store.progress import Progress


class FieldProblem(msgspec.Struct, frozen=True):
    """One thing wrong with one field; `message` comes from `ingest.wording.field_message`."""

    field: str
    code: str
    message: str


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed and what is wrong with it.

    `nik_says` is the sentence of `nik_in_words`, shown where the applicant has to confirm; `confirmed` are the codes
    already ticked.
    """

    values: Mapping[str, str] = {}
    errors: tuple[FieldProblem, ...] = ()
    nik_says: str | None = None
    confirmed: frozenset[str] = frozenset()


class FormView(Typed, frozen=True, kw_only=True):
    """The registration form.

    `key` is the idempotency key that it sends back, the same again after a failed try; `email_meant` is the address
    that was probably meant.
    """

    key: str
    csrf: str
    notice: str | None = None
    email_meant: str | None = None


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check of a registration; `reason` only where it is rejected, and `fields` are those that mend it."""

    kind: Kind
    state: State
    reason: str | None = None
    updated_at: datetime | None = None
    fields: tuple[str, ...] = ()


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of one registration: nothing personal is on it.

    `address` is the page's full public URL, for the applicant to keep. `code_problem` is what was wrong with the phone
    code just entered, `correction` a correction that did not go through. `photo` is how a photo that
    is not there is asked for, `needed` or `wanted`; `photo_problem` what was wrong with one. `forecast` says when the
    NIK check will be done, where that is known; `tag` is the state's ETag. Times carry a time zone and are told in
    `zone`.
    """

    handle: str
    address: str
    received_at: datetime
    state: Overall
    checks: tuple[CheckView, ...]
    notice: str | None = None
    code_problem: str | None = None
    correction: Typed = Typed()
    photo: str | None = None
    photo_problem: str | None = None
    forecast: str | None = None
    tag: str = ""
    zone: str = "WIB"

    @property
    def takes_photo(self) -> bool:
        """Whether there is a form for a photo on the page."""
        rejected = any(check.kind is Kind.PHOTO and check.state is State.REJECTED for check in self.checks)
        return self.photo is not None or rejected


class AssessmentView(msgspec.Struct, frozen=True, kw_only=True):
    """The test and the wave of one applicant; `questions` only while the test runs, which takes `minutes` in all."""

    handle: str
    progress: Progress
    test: str
    minutes: int
    questions: Paper = ()
    notice: str | None = None

    @property
    def minutes_left(self) -> int:
        """How much of the test's time is left, rounded up."""
        attempt = self.progress.attempt
        return 0 if attempt is None else math.ceil((attempt.deadline_at - attempt.now).total_seconds() / 60)


class EmailLinkView(msgspec.Struct, frozen=True):
    """The page behind the mailed link, the same for everybody: its one button posts to the page's own address.

    It and the status carry no token against forged requests: their addresses are secrets themselves.
    """


class Link(msgspec.Struct, frozen=True):
    """Where a message lets the applicant go on, a path on this site."""

    href: str
    text: str


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A page that only says something: what happened, when to try again, where to go on.

    `tries_again` when time mends it: then the page, where it can, tries again by itself.
    """

    title: str
    text: str
    wait: str | None = None
    back: Link | None = None
    tries_again: bool = False
