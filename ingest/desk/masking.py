"""Personal data as call-centre staff see it: enough to recognise what a caller reads out, too little to take away.

Pure.
"""

import msgspec

from registration.applicant import Applicant

_REGION_DIGITS = 6
_LAST_NIK_DIGITS = 2
_LAST_PHONE_DIGITS = 3
_HIDDEN = "***"


class Masked(msgspec.Struct, frozen=True):
    """An applicant without what is in between. Birth date and place are not shown at all."""

    name: str
    nik: str
    email: str
    phone: str


def masked(person: Applicant) -> Masked:
    """`S*** R***`, `317401********01`, `s***@surel.example`, `***789`."""
    local, _, domain = person.email.rpartition("@")
    between = len(person.nik) - _REGION_DIGITS - _LAST_NIK_DIGITS
    return Masked(
        name=" ".join(f"{word[0]}{_HIDDEN}" for word in person.name.split()),
        nik=f"{person.nik[:_REGION_DIGITS]}{'*' * between}{person.nik[-_LAST_NIK_DIGITS:]}",
        email=f"{local[0]}{_HIDDEN}@{domain}",
        phone=f"{_HIDDEN}{person.phone[-_LAST_PHONE_DIGITS:]}",
    )
