"""Draws applicants: a person from a seed, given a persona's data.

The same seed always gives the same applicants, a longer draw only adds to a shorter one, and every `DECK_SIZE`
applicants hold each persona exactly as often as the table says. Two seeds share nobody's e-mail address; that they
share a NIK is as unlikely as random seeds make it.

Pure: nothing is lost if the process dies.
"""

import random
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from loadtest.personas import DECK_SIZE, PERSONAS, Persona
from registration.applicant import Submission
from simulators.people import make_person

_PAIR = 2
_DISTRICTS = 60


class Applicant(msgspec.Struct, frozen=True):
    """One made-up applicant: `first` is what is typed first, `truth` what is typed in the end.

    Applicants with the same `nik_owner` (an index) share a NIK.
    """

    seed: int
    index: int
    persona: Persona
    first: Submission
    truth: Submission
    nik_owner: int

    def key(self, number: int) -> str:
        """The idempotency key of the submission `number`: the same in a repeated run, whose receipts are the same."""
        return f"try-{self.seed:x}-{self.index}-{number}"


def draw(seed: int, count: int) -> Iterator[Applicant]:
    """The first `count` applicants of `seed`."""
    return (_applicant(seed, index) for index in range(count))


def honest(seed: int, index: int) -> Applicant:
    """The person `index` of `seed` who writes everything as it is, whatever the deck says: for loads of one kind."""
    truth = _truthful(seed, index)
    return Applicant(seed, index, PERSONAS[0], truth, truth, index)


def _applicant(seed: int, index: int) -> Applicant:
    block, place = divmod(index, DECK_SIZE)
    deck = _deck(seed, block)
    persona = deck[place]
    truth = _truthful(seed, index)
    nik_owner = index
    if persona.shares_a_nik:
        nik_owner = block * DECK_SIZE + _first_of_pair(deck, place)
        owner = _truthful(seed, nik_owner)
        truth = msgspec.structs.replace(truth, nik=owner.nik, birth_date=owner.birth_date)
    truth = persona.truth(truth)
    first = truth if persona.slip is None else persona.slip(truth)
    return Applicant(seed, index, persona, first, truth, nik_owner)


def _truthful(seed: int, index: int) -> Submission:
    """What the person `index` writes who has nothing to mend.

    The seed is in the address, so that mail of an earlier run is not mistaken for this one's. The district varies,
    so that two people with the same special serial have different NIKs.
    """
    person = make_person(seed, index)
    local, _, domain = person.email.partition("@")
    return Submission(
        name=person.name,
        birth_place=person.birth_place,
        birth_date=person.birth_date.isoformat(),
        nik=f"{person.nik[:4]}{1 + index % _DISTRICTS:02}{person.nik[6:]}",
        email=f"{local}.{seed:x}@{domain}",
        phone=person.phone,
    )


@lru_cache(maxsize=4)
def _deck(seed: int, block: int) -> tuple[Persona, ...]:
    """The personas of one block of applicants, shuffled."""
    cards = [persona for persona in PERSONAS for _ in range(persona.parts)]
    random.Random(f"{seed}/{block}").shuffle(cards)  # noqa: S311 - made-up people, no secret
    return tuple(cards)


def _first_of_pair(deck: tuple[Persona, ...], place: int) -> int:
    """The place of the earlier one of the pair that the card at `place` belongs to."""
    alike = [other for other, persona in enumerate(deck) if persona is deck[place]]
    number = alike.index(place)
    return alike[number - number % _PAIR]
