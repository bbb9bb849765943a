"""One applicant's paper: 19 questions drawn from the bank by a secret seed, and what the answers are worth.

Every paper is as hard as any other: as many sums of each level, one question of each theme. Order is by keyed hash,
which stays the same whatever the version of Python, so a paper is drawn again at each request and never stored.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from registration.assessment.bank import LEVELS, Bank, Maths, Motivation

QUESTIONS = 19
MATHS_PER_LEVEL = 4

T = TypeVar("T")


class Item(msgspec.Struct, frozen=True):
    """One question as it is shown, and the points of each of its options, which are shown to nobody."""

    question_id: str
    text: str
    options: tuple[str, ...]
    points: tuple[int, ...]
    is_maths: bool


class Scores(msgspec.Struct, frozen=True):
    """What a paper came to: `motivation` of 21, `maths` of 12."""

    motivation: int
    maths: int


Paper = tuple[Item, ...]


def draw(bank: Bank, seed: bytes) -> Paper:
    """The paper of whoever has this seed (16 to 64 bytes)."""
    chosen: list[Maths | Motivation] = []
    for level in LEVELS:
        of_level = [question for question in bank.maths if question.level == level]
        chosen += _shuffled(of_level, [question.id for question in of_level], seed, "choice")[:MATHS_PER_LEVEL]
    for theme in bank.themes:
        of_theme = [question for question in bank.motivation if question.theme == theme]
        chosen += _shuffled(of_theme, [question.id for question in of_theme], seed, "choice")[:1]
    return tuple(_item(q, seed) for q in _shuffled(chosen, [question.id for question in chosen], seed, "order"))


def score(paper: Paper, answers: Sequence[int | None]) -> Scores:
    """Points for the answers, each the place of an option as shown, or None where none was given."""
    if len(answers) != len(paper):
        raise ValueError("as many answers as questions, each may be None")
    won = [(item, item.points[answer]) for item, answer in zip(paper, answers, strict=True) if answer is not None]
    return Scores(
        motivation=sum(points for item, points in won if not item.is_maths),
        maths=sum(points for item, points in won if item.is_maths),
    )


def _item(question: Maths | Motivation, seed: bytes) -> Item:
    is_maths = isinstance(question, Maths)
    last = len(question.options) - 1
    worth = [(text, int(place == 0) if is_maths else last - place) for place, text in enumerate(question.options)]
    shown = _shuffled(worth, [f"{question.id} {place}" for place in range(len(worth))], seed, "options")
    return Item(
        question_id=question.id,
        text=question.text,
        options=tuple(text for text, _ in shown),
        points=tuple(points for _, points in shown),
        is_maths=is_maths,
    )


def _shuffled(things: Sequence[T], names: Sequence[str], seed: bytes, purpose: str) -> list[T]:
    def place(name: str) -> bytes:
        return hashlib.blake2b(f"{purpose} {name}".encode(), key=seed, digest_size=16).digest()

    return [thing for _, thing in sorted(zip(map(place, names), things, strict=True), key=lambda pair: pair[0])]
