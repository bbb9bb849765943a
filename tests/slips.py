"""Slips of the thumb, seeded, and a judge of its own that says which of them contradict something."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from registration.regions import regencies
from simulators.people import Person, make_person

_MAIL_SLIPS = {
    "gmail.com": "gmial.com",
    "yahoo.com": "yahho.com",
    "yahoo.co.id": "yaho.co.id",
    "hotmail.com": "hotmail.con",
}


class Slip(NamedTuple):
    """One person with one slip. `meant` is the right address where the mail domain is mistyped."""

    kind: str
    person: Person
    nik: str
    birth_date: str
    email: str
    meant: str


def slips(seed: int, count: int) -> Iterator[Slip]:
    """So many made-up people, each with a slip, all kinds alike often."""
    draw = random.Random(seed)  # noqa: S311 - test data
    kinds = list(SLIPS)
    for index in range(count):
        kind = kinds[index % len(kinds)]
        yield SLIPS[kind](make_person(seed, index), draw)


def contradictions(slip: Slip) -> set[str]:
    """What is wrong by the rules of a NIK, written out once more and differently."""
    text = slip.nik.replace(" ", "")
    if re.fullmatch("[0-9]{16}", text, re.ASCII) is None or text[0] == "0" or text[12:] == "0000":
        return {"nik_format"}
    day, month, year = int(text[6:8]), int(text[8:10]), int(text[10:12])
    day -= 40 if day > 40 else 0
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return {"nik_format"}
    found = set() if text[:4] in regencies() else {"nik_unknown_region"}
    born = date.fromisoformat(slip.birth_date)
    if (day, month, year) != (born.day, born.month, born.year % 100):
        found.add("nik_birth_date_mismatch")
    return found


def _of(kind: str, person: Person, **changes: str) -> Slip:
    fields = {"nik": person.nik, "birth_date": person.birth_date.isoformat(), "email": person.email, "meant": ""}
    return Slip(kind, person, **{**fields, **changes})


def _digits_swapped(person: Person, draw: random.Random) -> Slip:
    """Two neighbours that differ."""
    place = draw.choice([at for at in range(15) if person.nik[at] != person.nik[at + 1]])
    swapped = person.nik[:place] + person.nik[place + 1] + person.nik[place] + person.nik[place + 2 :]
    return _of("digits swapped", person, nik=swapped)


def _digit_missing(person: Person, draw: random.Random) -> Slip:
    place = draw.randrange(16)
    return _of("digit missing", person, nik=person.nik[:place] + person.nik[place + 1 :])


def _day_and_month_swapped(person: Person, draw: random.Random) -> Slip:
    """Of somebody born on a day that is a month too, and not the same one."""
    day = draw.choice([d for d in range(1, 13) if d != person.birth_date.month])
    swapped = date(person.birth_date.year, day, person.birth_date.month)
    female = int(person.nik[6:8]) > 40
    nik = f"{person.nik[:6]}{day + 40 * female:02}{person.birth_date:%m%y}{person.nik[12:]}"
    return _of("day and month swapped", person, nik=nik, birth_date=swapped.isoformat())


def _wrong_sex(person: Person, _draw: random.Random) -> Slip:
    day = int(person.nik[6:8])
    other = day - 40 if day > 40 else day + 40
    return _of("wrong sex", person, nik=f"{person.nik[:6]}{other:02}{person.nik[8:]}")


def _mail_domain(person: Person, draw: random.Random) -> Slip:
    domain = draw.choice(list(_MAIL_SLIPS))
    local = person.email.partition("@")[0]
    return _of("mail domain", person, email=f"{local}@{_MAIL_SLIPS[domain]}", meant=f"{local}@{domain}")


SLIPS: Mapping[str, Callable[[Person, random.Random], Slip]] = {
    "digits swapped": _digits_swapped,
    "digit missing": _digit_missing,
    "day and month swapped": _day_and_month_swapped,
    "wrong sex": _wrong_sex,
    "mail domain": _mail_domain,
}
