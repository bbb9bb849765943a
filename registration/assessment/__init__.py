"""Phase two: the test of motivation and basic maths. What is asked, who is asked what, and what it is worth.

Pure: an applicant's paper follows from the bank and a secret seed alone, so nothing about it is stored but the answers.
"""

from registration.assessment.bank import OPTIONS, Bank, Maths, Motivation, load_bank
from registration.assessment.paper import QUESTIONS, Item, Paper, Scores, draw, score

__all__ = [
    "OPTIONS",
    "QUESTIONS",
    "Bank",
    "Item",
    "Maths",
    "Motivation",
    "Paper",
    "Scores",
    "draw",
    "load_bank",
    "score",
]
