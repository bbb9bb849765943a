"""The bank's keys are right, and every paper is fair, repeatable and tells nobody its key."""

import ast
import operator
import re
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.assessment import QUESTIONS, Bank, Maths, Motivation, draw, load_bank, score

BANK = load_bank()
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
SEEDS = st.binary(min_size=16, max_size=64)


def value(expression: ast.expr) -> Fraction:
    """What a sum comes to, exactly."""
    match expression:
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.BinOp(left=left, op=op, right=right):
            return Fraction(OPERATIONS[type(op)](value(left), value(right)))
        case ast.Call(func=ast.Name(id="max"), args=args):
            return max(map(value, args))
    raise ValueError(ast.dump(expression))


def first_number(option: str) -> Fraction:
    """The number in an option, written as Indonesians write it: 1.500,5."""
    found = re.search(r"\d[\d.]*(?:,\d+)?", option)
    assert found is not None
    return Fraction(found.group().replace(".", "").replace(",", "."))


@pytest.mark.parametrize("question", BANK.maths, ids=lambda question: question.id)
def test_the_first_option_of_a_sum_is_right_and_the_others_are_wrong(question: Maths) -> None:
    """The key was not typed by hand and hoped for: each sum is worked out."""
    right, *wrong = question.options
    result = value(ast.parse(question.sum, mode="eval").body)
    assert first_number(right) == result
    assert right not in wrong


def test_the_bank_has_enough_questions_and_none_twice() -> None:
    """At least 120, ids and texts unique, four different options each."""
    questions: list[Maths | Motivation] = [*BANK.maths, *BANK.motivation]
    assert len(questions) >= 120
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.text for question in questions}) == len(questions)
    assert all(len(set(question.options)) == 4 for question in questions)


@given(SEEDS)
def test_every_paper_is_as_hard_as_any_other(seed: bytes) -> None:
    """19 questions: four sums of each level and one question of each theme, none twice."""
    paper = draw(BANK, seed)
    levels = {question.id: question.level for question in BANK.maths}
    themes = {question.id: question.theme for question in BANK.motivation}
    assert len({item.question_id for item in paper}) == QUESTIONS
    assert Counter(levels[item.question_id] for item in paper if item.is_maths) == {1: 4, 2: 4, 3: 4}
    assert Counter(themes[item.question_id] for item in paper if not item.is_maths) == dict.fromkeys(BANK.themes, 1)


@given(SEEDS)
def test_a_paper_is_the_same_each_time_it_is_drawn(seed: bytes) -> None:
    """It is not stored: a reload or a second device sees the same questions in the same order."""
    assert draw(BANK, seed) == draw(load_bank(), seed)


def test_the_place_of_the_right_option_says_nothing() -> None:
    """Over many papers the right option stands in each place about equally often."""
    papers = [draw(BANK, number.to_bytes(16, "big")) for number in range(400)]
    places = Counter(item.points.index(1) for paper in papers for item in paper if item.is_maths)
    assert set(places) == {0, 1, 2, 3}
    assert all(1_000 < count < 1_400 for count in places.values())


@given(SEEDS)
def test_the_best_answers_win_all_points_and_none_win_none(seed: bytes) -> None:
    """21 for motivation, 12 for maths; an unanswered question is worth nothing."""
    paper = draw(BANK, seed)
    best = score(paper, [item.points.index(max(item.points)) for item in paper])
    assert (best.motivation, best.maths) == (21, 12)
    none = score(paper, [None] * QUESTIONS)
    assert (none.motivation, none.maths) == (0, 0)


def test_a_paper_with_answers_missing_is_refused() -> None:
    """Scoring never guesses which question an answer belongs to."""
    with pytest.raises(ValueError, match="as many answers"):
        score(draw(BANK, bytes(16)), [0])


def test_a_question_of_one_paper_is_not_always_in_the_next() -> None:
    """Different people get different papers."""
    first, second = draw(BANK, bytes(16)), draw(BANK, b"1" * 16)
    assert {item.question_id for item in first} != {item.question_id for item in second}
    assert isinstance(BANK, Bank)
