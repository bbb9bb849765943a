"""Every failure by what its caller must do about it. Anything else that is raised is a bug.

Pure: standard library and msgspec only.
"""

import msgspec


class FieldError(msgspec.Struct, frozen=True, order=True):
    """One field that the applicant must mend or confirm; `code` is language-free."""

    field: str
    code: str


class Rejected(Exception):  # noqa: N818 - named by consequence, not as an error
    """The applicant mends it. `code` says what is wrong as a whole, `fields` every wrong field at once."""

    def __init__(self, code: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Overloaded(Exception):  # noqa: N818 - named by consequence
    """Come back after `retry_after_seconds`. Nothing was taken in."""

    def __init__(self, code: str, retry_after_seconds: float) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class Retryable(Exception):  # noqa: N818 - named by consequence
    """Try again, after the other side's own delay where it named one. The outcome of what was tried is unknown.

    `cause` is a short, closed word for on-call ("timeout", "database_unreachable"), never text of a person.
    """

    def __init__(self, cause: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after_seconds = retry_after_seconds


class Permanent(Exception):  # noqa: N818 - named by consequence
    """Trying again cannot help: the work is kept as a dead letter under `cause` until a person replays it."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Postponed(Exception):  # noqa: N818 - named by consequence
    """Not now, and nothing was tried: give the work back as it is, uncharged; it comes again by itself."""


class HeldBack(Postponed):
    """Not now and not soon, and nothing was tried: put the work off, uncharged, so that it does not come at once."""
