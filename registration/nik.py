"""NIK, the 16-digit population number: what it says of birth date, sex and place of issue.

Structure: province (2), regency (2), district (2), birth date DDMMYY (6) with 40 added to a woman's day, serial (4,
from 0001). There is no check digit. What a NIK says can differ from the truth (its date and region were fixed at
issue), so only an impossible structure is an error; a contradiction is for the applicant to confirm.

Pure: standard library and msgspec only.
"""

import enum
import re
from datetime import date

import msgspec

from registration.regions import provinces, regencies

FEMALE_DAY_OFFSET = 40
_STRUCTURE = re.compile(
    r"\A([1-9][0-9]{5})"  # district
    r"(0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])"  # day
    r"(0[1-9]|1[0-2])"  # month
    r"([0-9]{2})"  # year
    r"((?!0000)[0-9]{4})\Z"  # serial
)


class Sex(enum.Enum):
    """As a NIK encodes it."""

    FEMALE = "female"
    MALE = "male"


class NikFormatError(ValueError):
    """The text cannot be a NIK: wrong length, other characters, or no possible day, month or serial."""


class Nik(msgspec.Struct, frozen=True):
    """A NIK taken apart. `year` is the two-digit year: the century is not in the number."""

    text: str
    district_code: str
    day: int
    month: int
    year: int
    sex: Sex
    serial: int

    @property
    def province_name(self) -> str | None:
        """The province of issue, or None for a code that no list has."""
        return provinces().get(self.district_code[:2])

    @property
    def regency_name(self) -> str | None:
        """The regency or city of issue, or None for a code that today's list does not have."""
        return regencies().get(self.district_code[:4])

    def agrees_with(self, birth_date: date) -> bool:
        """Whether day, month and two-digit year are those of `birth_date`."""
        return self.day == birth_date.day and self.month == birth_date.month and self.year == birth_date.year % 100


def parse(text: str) -> Nik:
    """Take apart 16 ASCII digits; raises `NikFormatError` for anything that cannot be a NIK."""
    match = _STRUCTURE.match(text)
    if match is None:
        raise NikFormatError
    district, day, month, year, serial = match.groups()
    if int(day) > FEMALE_DAY_OFFSET:
        return Nik(text, district, int(day) - FEMALE_DAY_OFFSET, int(month), int(year), Sex.FEMALE, int(serial))
    return Nik(text, district, int(day), int(month), int(year), Sex.MALE, int(serial))


def compose(*, district_code: str, birth_date: date, sex: Sex, serial: int) -> str:
    """The NIK text of a made-up person; the inverse of `parse`."""
    day = birth_date.day + (FEMALE_DAY_OFFSET if sex is Sex.FEMALE else 0)
    return f"{district_code}{day:02}{birth_date:%m%y}{serial:04}"
