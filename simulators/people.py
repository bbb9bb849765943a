"""Made-up applicants from a seed: as many as a load test needs, none of them real, each the same in every process.

A person is computed, never stored. NIK and phone come from a permutation of the index, so two indexes of one seed never
collide, and the ministry finds the index back from a NIK (`index_of`) without holding a list of millions.

Pure: nothing is lost if the process dies.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from registration import nik as nik_number
from registration.nik import Sex
from registration.regions import regencies
from simulators.names import FOLLOWING, GIVEN, MAIL_DOMAINS, MOBILE_PREFIXES

# Everyone is 18 to 60 years old on every day of 2026.
FIRST_BIRTH_DATE = date(1966, 1, 1)
BIRTH_DATES = (date(2008, 1, 1) - FIRST_BIRTH_DATE).days + 1
# Serials from 9000 on are special cases of the ministry stand-in.
SERIALS = 8999
# The SMS stand-in cannot reach numbers that end in 0000.
PHONE_ENDINGS = 9999
PHONE_MIDDLES = 10_000

_KINDS_OF_PLACE = ("KABUPATEN ", "KOTA ", "ADMINISTRASI ")
_SEXES = (Sex.FEMALE, Sex.MALE)


class Person(msgspec.Struct, frozen=True):
    """One made-up applicant. `phone` is +628… with 13 digits; `email` is under a reserved domain."""

    name: str
    birth_place: str
    birth_date: date
    sex: Sex
    nik: str
    email: str
    phone: str


class _Permutation(msgspec.Struct, frozen=True):
    """Numbers below `size`, each to a different one: `number * multiplier + offset`, modulo `size`."""

    size: int
    multiplier: int
    offset: int

    def forward(self, number: int) -> int:
        return (number * self.multiplier + self.offset) % self.size

    def back(self, number: int) -> int:
        return (number - self.offset) * pow(self.multiplier, -1, self.size) % self.size


def make_person(seed: int, index: int) -> Person:
    """The person number `index` (from 0) of the population `seed`; the same arguments always give the same person."""
    draw = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=16).digest()
    nik = _nik(seed, index)
    sex = nik.sex
    name = _name(sex, draw)
    return Person(
        name=name,
        birth_place=_birth_place(nik.district_code[:4], draw),
        birth_date=_birth_date(nik),
        sex=sex,
        nik=nik.text,
        email=_email(name, index, draw),
        phone=_phone(seed, index),
    )


def index_of(seed: int, nik: str) -> int | None:
    """The index of the person of the population `seed` who has this NIK, or None if nobody can have it."""
    try:
        number = nik_number.parse(nik)
        birth_date = _birth_date(number)
        regency = _regency_codes().index(number.district_code[:4])
    except ValueError:
        return None
    slot = _SEXES.index(number.sex)
    slot = slot * len(_regency_codes()) + regency
    slot = slot * BIRTH_DATES + (birth_date - FIRST_BIRTH_DATE).days
    slot = slot * SERIALS + number.serial - 1
    index = _nik_permutation(seed).back(slot)
    # A date or serial out of range lands on another's slot: only a round trip proves that the NIK is this person's.
    return index if _nik(seed, index).text == nik else None


def _nik(seed: int, index: int) -> nik_number.Nik:
    rest, serial = divmod(_nik_permutation(seed).forward(index), SERIALS)
    rest, day = divmod(rest, BIRTH_DATES)
    sex, regency = divmod(rest, len(_regency_codes()))
    text = nik_number.compose(
        district_code=_regency_codes()[regency] + "01",
        birth_date=FIRST_BIRTH_DATE + timedelta(days=day),
        sex=_SEXES[sex],
        serial=serial + 1,
    )
    return nik_number.parse(text)


def _birth_date(nik: nik_number.Nik) -> date:
    """The true date: 42 years of births fit into one century of two-digit years. Raises ValueError for 31 February."""
    century = 1900 if nik.year >= FIRST_BIRTH_DATE.year % 100 else 2000
    return date(century + nik.year, nik.month, nik.day)


def _name(sex: Sex, draw: bytes) -> str:
    """One to three words; every eighth person has just one."""
    words = [_pick(GIVEN[sex], draw[0:2])]
    shape = draw[2] % 8
    if shape > 0:
        words.append(_pick(FOLLOWING, draw[3:5]))
    if shape > 4:  # noqa: PLR2004 - three shapes in eight
        words.insert(1, _pick(GIVEN[sex], draw[5:7]).split()[-1])
    return " ".join(words)


def _birth_place(regency_code: str, draw: bytes) -> str:
    """Most people are born where their NIK was issued; one in four elsewhere."""
    code = regency_code if draw[7] % 4 else _pick(_regency_codes(), draw[8:10])
    place = regencies()[code]
    for kind in _KINDS_OF_PLACE:
        place = place.removeprefix(kind)
    return place.title()


def _email(name: str, index: int, draw: bytes) -> str:
    """The index after the last letter makes it unique: no name has a digit."""
    local = "".join(letter for letter in name.lower().replace(" ", ".") if letter.isalpha() or letter == ".")
    return f"{local}{index}@{_pick(MAIL_DOMAINS, draw[10:12])}"


def _phone(seed: int, index: int) -> str:
    rest, ending = divmod(_phone_permutation(seed).forward(index), PHONE_ENDINGS)
    prefix, middle = divmod(rest, PHONE_MIDDLES)
    return f"+62{MOBILE_PREFIXES[prefix]}{middle:04}{ending + 1:04}"


def _pick(options: Sequence[str], draw: bytes) -> str:
    return options[int.from_bytes(draw) % len(options)]


@lru_cache(maxsize=1)
def _regency_codes() -> tuple[str, ...]:
    return tuple(regencies())


@lru_cache(maxsize=64)
def _nik_permutation(seed: int) -> _Permutation:
    return _permutation(f"nik/{seed}", size=len(_SEXES) * len(_regency_codes()) * BIRTH_DATES * SERIALS)


@lru_cache(maxsize=64)
def _phone_permutation(seed: int) -> _Permutation:
    return _permutation(f"phone/{seed}", size=len(MOBILE_PREFIXES) * PHONE_MIDDLES * PHONE_ENDINGS)


def _permutation(key: str, *, size: int) -> _Permutation:
    draw = hashlib.blake2b(key.encode(), digest_size=32).digest()
    multiplier = int.from_bytes(draw[:16]) % size
    while math.gcd(multiplier, size) != 1:  # only then is every number met once
        multiplier += 1
    return _Permutation(size=size, multiplier=multiplier, offset=int.from_bytes(draw[16:]) % size)
