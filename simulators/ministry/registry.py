"""What the ministry knows of a NIK: everyone, or a made-up population, and special serials to try each case by hand.

Special serials go before the population: nobody of a population has one. What is counted here (the first tries of
serial 9405) is lost with the process.
"""

import difflib
from collections import OrderedDict

import msgspec

from registration import nik as nik_number
from simulators.ministry.control import Population
from simulators.ministry.failures import Failure
from simulators.ministry.wire import (
    DIFFERS,
    Query,
    Refusal,
    inactive_page,
    refusal_page,
    scored,
    verdict_page,
)
from simulators.people import Person, index_of, make_person

FIRST_SPECIAL_SERIAL = 9000
FOUND_AFTER_TRIES = 2
REMEMBERED_LATE_NIKS = 10_000
FULL_SCORE = 100

# By serial, the last four digits of a NIK; the table is part of the contract.
DIFFERING: dict[int, dict[str, str]] = {
    9001: {"nama_lgkp": scored(0, threshold=FULL_SCORE)},
    9002: {"tgl_lhr": DIFFERS},
    9003: {"tmpt_lhr": scored(0, threshold=FULL_SCORE)},
}
FOUND_LATE_SERIAL = 9405


class Answer(msgspec.Struct, frozen=True):
    """A reply of the registry; `kind` is its name in the account of calls."""

    kind: str
    body: bytes


_NOT_FOUND = Answer(kind="not_found", body=refusal_page(Refusal.NOT_FOUND))

ALWAYS: dict[int, Answer | Failure] = {
    9014: Answer(kind="inactive", body=inactive_page()),
    9200: Failure.HTML,
    9404: _NOT_FOUND,
    9429: Failure.QUOTA,
    9500: Failure.HTTP_500,
    9504: Failure.HANG,
}


class Registry:
    """Looks up and compares."""

    def __init__(self) -> None:
        self._late_tries: OrderedDict[str, int] = OrderedDict()

    def answer(self, query: Query, population: Population | None) -> Answer | Failure:
        """Compare `query` with what is known; a NIK that cannot be one is not found."""
        try:
            serial = nik_number.parse(query.nik).serial
        except nik_number.NikFormatError:
            return _NOT_FOUND
        if serial in ALWAYS:
            return ALWAYS[serial]
        if serial == FOUND_LATE_SERIAL and self._is_early(query.nik):
            return _NOT_FOUND
        if population is None or serial >= FIRST_SPECIAL_SERIAL:
            return _verdict(query, DIFFERING.get(serial, {}))
        return _compare(query, population)

    def _is_early(self, nik: str) -> bool:
        """Count a try for a NIK that the copy of the registry gets late."""
        tries = self._late_tries.pop(nik, 0) + 1
        self._late_tries[nik] = tries
        if len(self._late_tries) > REMEMBERED_LATE_NIKS:
            self._late_tries.popitem(last=False)
        return tries <= FOUND_AFTER_TRIES


def _verdict(query: Query, differing: dict[str, str]) -> Answer:
    return Answer(kind="verdict", body=verdict_page(query, differing))


def _compare(query: Query, population: Population) -> Answer:
    index = index_of(population.seed, query.nik)
    if index is None or index >= population.size:
        return _NOT_FOUND
    return _verdict(query, _differing(query, make_person(population.seed, index)))


def _differing(query: Query, person: Person) -> dict[str, str]:
    threshold = _threshold(query)
    differing = {}
    for field, asked, known in (
        ("nama_lgkp", query.nama_lgkp, person.name),
        ("tmpt_lhr", query.tmpt_lhr, person.birth_place),
    ):
        score = FULL_SCORE if asked is None else _score(asked, known)
        if score < FULL_SCORE:
            differing[field] = scored(score, threshold=threshold)
    if query.tgl_lhr is not None and query.tgl_lhr.strip() != f"{person.birth_date:%d-%m-%Y}":
        differing["tgl_lhr"] = DIFFERS
    return differing


def _threshold(query: Query) -> int:
    """The least score that agrees; without a usable TRESHOLD, only equal texts do."""
    text = str(query.treshold)
    return int(text) if text.isascii() and text.isdigit() else FULL_SCORE


def _score(asked: str, known: str) -> int:
    """How alike two texts are, 0 to 100, whatever their case and spaces; 100 only when they are equal."""
    asked, known = " ".join(asked.casefold().split()), " ".join(known.casefold().split())
    if asked == known:
        return FULL_SCORE
    return min(FULL_SCORE - 1, round(difflib.SequenceMatcher(None, asked, known).ratio() * FULL_SCORE))
