"""The bank of questions, read once from bank.yaml (which says how it is to be read)."""

from collections.abc import Sequence
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta

OPTIONS = 4
LEVELS = (1, 2, 3)

_Options = Annotated[tuple[str, ...], Meta(min_length=OPTIONS, max_length=OPTIONS)]


class Maths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sum. The first option is right; `sum` is the expression that says why."""

    id: str
    level: Annotated[int, Meta(ge=LEVELS[0], le=LEVELS[-1])]
    text: str
    options: _Options
    sum: str


class Motivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question about the applicant. The options are worth 3, 2, 1 and 0 points."""

    id: str
    theme: str
    text: str
    options: _Options


class Bank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All questions of one version."""

    version: int
    maths: tuple[Maths, ...]
    motivation: tuple[Motivation, ...]

    @property
    def themes(self) -> Sequence[str]:
        """What motivation is asked about, in the bank's order."""
        return tuple(dict.fromkeys(question.theme for question in self.motivation))


def load_bank() -> Bank:
    """The bank that this build ships; raises `msgspec.ValidationError` when it is not as its types say."""
    text = resources.files(__package__).joinpath("bank.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Bank)
