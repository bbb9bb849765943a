"""Who the made-up applicants are: what each kind of person writes, and which end that deserves.

`PERSONAS` is the one table to change. A persona starts from a person who writes everything as it is: `truth` changes
the person, `slip` is what goes wrong when the truth is first typed. What the front door must say of the slip, and how
the registration must end, is written down here by hand and never computed by the code under trial.

Pure: nothing is lost if the process dies.
"""

import enum
from collections.abc import Callable
from datetime import date
from functools import partial

import msgspec

from registration import nik as nik_number
from registration.applicant import Submission
from registration.checks import Overall, Reason, State
from registration.errors import FieldError
from simulators.mailbox import BOUNCING_DOMAIN, GREYLISTING_DOMAIN
from simulators.sms import UNREACHABLE_ENDING

Change = Callable[[Submission], Submission]

# No month is shorter, so a day up to this one can be moved within its month.
_SHORTEST_MONTH_DAYS = 28
_SERIAL_DIGITS = 4
_MONTHS = 12


class End(msgspec.Struct, frozen=True):
    """Where the checks stand, each in one word: its state, or the reason of its rejection.

    Whether somebody studies is asked only of whose NIK is verified, and not everywhere: else the word is "verified".
    """

    nik: str = State.VERIFIED.value
    email: str = State.VERIFIED.value
    phone: str = State.VERIFIED.value
    student: str = State.VERIFIED.value

    @property
    def overall(self) -> Overall:
        """What the contract makes of these."""
        words = msgspec.structs.astuple(self)
        if any(word not in set(State) for word in words):
            return Overall.REJECTED
        return Overall.COMPLETE if set(words) == {State.VERIFIED} else Overall.OPEN

    @property
    def settled(self) -> bool:
        """Whether nothing can change any more unless the applicant does something."""
        return not set(msgspec.structs.astuple(self)) & {State.PENDING, State.SENT, State.DELAYED}

    def __str__(self) -> str:
        if self.overall is Overall.COMPLETE:
            return "complete"
        odd = {"nik": self.nik, "e-mail": self.email, "phone": self.phone, "student": self.student}
        return f"{self.overall}: " + ", ".join(f"{name} {word}" for name, word in odd.items() if word != State.VERIFIED)


class Habit(enum.Enum):
    """How an applicant sends."""

    ONCE = "once"
    AT_ONCE_AND_AGAIN = "at once and again"  # twice at the same moment, and a third time at the end


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of applicant; `parts` of every `DECK_SIZE` applicants are of it.

    `refused_for` is exactly what the front door must find wrong with the slip. Personas that `share_a_nik` come in
    pairs of two people with one NIK: one of `deserves` is for whoever is first, the other for whoever is late.
    """

    name: str
    parts: int = 1
    does: str
    deserves: tuple[End, ...]
    truth: Change = lambda submission: submission
    slip: Change | None = None
    refused_for: frozenset[FieldError] = frozenset()
    habit: Habit = Habit.ONCE
    shares_a_nik: bool = False


def with_serial(submission: Submission, serial: int) -> Submission:
    """The same person with another serial in the NIK: the ministry stand-in answers special ones by its table."""
    return msgspec.structs.replace(submission, nik=submission.nik[:-_SERIAL_DIGITS] + f"{serial:04}")


def compose_nik(submission: Submission, birth_date: date) -> str:
    """The person's NIK with this date in it."""
    number = nik_number.parse(submission.nik)
    return nik_number.compose(
        district_code=number.district_code, birth_date=birth_date, sex=number.sex, serial=number.serial
    )


def _at_domain(submission: Submission, domain: str) -> Submission:
    return msgspec.structs.replace(submission, email=f"{submission.email.partition('@')[0]}@{domain}")


def _unreachable(submission: Submission) -> Submission:
    phone = submission.phone[: -len(UNREACHABLE_ENDING)] + UNREACHABLE_ENDING
    return msgspec.structs.replace(submission, phone=phone)


def _born_on_a_day_that_is_a_month(submission: Submission) -> Submission:
    """The date still makes sense when day and month are swapped, and is another one then."""
    birth_date = date.fromisoformat(submission.birth_date)
    birth_date = birth_date.replace(day=birth_date.month % _MONTHS + 1)
    nik = compose_nik(submission, birth_date)
    return msgspec.structs.replace(submission, birth_date=birth_date.isoformat(), nik=nik)


def _date_in_nik_differs(submission: Submission) -> Submission:
    birth_date = date.fromisoformat(submission.birth_date)
    fixed_at_issue = birth_date.replace(day=birth_date.day % _SHORTEST_MONTH_DAYS + 1)
    nik = compose_nik(submission, fixed_at_issue)
    return msgspec.structs.replace(submission, nik=nik, confirm=("nik_birth_date_mismatch",))


def _confirms_nothing(submission: Submission) -> Submission:
    return msgspec.structs.replace(submission, confirm=())


def _digit_missing(submission: Submission) -> Submission:
    return msgspec.structs.replace(submission, nik=submission.nik[:-1])


def _letter_for_digit(submission: Submission) -> Submission:
    return msgspec.structs.replace(submission, nik=submission.nik[:-1] + "O")


def _day_and_month_swapped(submission: Submission) -> Submission:
    year, month, day = submission.birth_date.split("-")
    return msgspec.structs.replace(submission, birth_date=f"{year}-{day}-{month}")


def _phone_cut_short(submission: Submission) -> Submission:
    return msgspec.structs.replace(submission, phone=submission.phone[:-4])


def _comma_for_point(submission: Submission) -> Submission:
    local, _, domain = submission.email.partition("@")
    return msgspec.structs.replace(submission, email=f"{local}@{domain.replace('.', ',')}")


def _everything_mistyped(submission: Submission) -> Submission:
    submission = msgspec.structs.replace(submission, name=f"{submission.name}1")
    return _letter_for_digit(_phone_cut_short(_comma_for_point(submission)))


_COMPLETE = (End(),)
_DELAYED = (End(nik=State.DELAYED.value),)
_NIK_FORMAT = FieldError("nik", "nik_format")
_NIK_DATE = FieldError("nik", "nik_birth_date_mismatch")
_EMAIL_FORMAT = FieldError("email", "email_format")
_PHONE_FORMAT = FieldError("phone", "phone_format")
_NAME_FORMAT = FieldError("name", "name_format")


def _of_registry(name: str, serial: int, does: str, end: End) -> Persona:
    """Somebody whom the registry answers as listed for this serial."""
    return Persona(name=name, does=does, deserves=(end,), truth=partial(with_serial, serial=serial))


def _slip(name: str, does: str, slip: Change, *refused_for: FieldError, truth: Change | None = None) -> Persona:
    """Somebody who is told what is wrong, mends it, and is complete."""
    persona = Persona(name=name, does=does, deserves=_COMPLETE, slip=slip, refused_for=frozenset(refused_for))
    return persona if truth is None else msgspec.structs.replace(persona, truth=truth)


PERSONAS = (
    Persona(name="honest", parts=27, does="writes everything as it is", deserves=_COMPLETE),
    _slip("nik digit missing", "leaves out a digit of the NIK, mends it", _digit_missing, _NIK_FORMAT),
    _slip("nik with letter", "writes O for a digit of the NIK, mends it", _letter_for_digit, _NIK_FORMAT),
    _slip(
        "date swapped",
        "swaps day and month of birth, mends it",
        _day_and_month_swapped,
        _NIK_DATE,
        truth=_born_on_a_day_that_is_a_month,
    ),
    _slip("phone mistyped", "leaves out digits of the phone number, mends it", _phone_cut_short, _PHONE_FORMAT),
    _slip("e-mail mistyped", "writes a comma for the point, mends it", _comma_for_point, _EMAIL_FORMAT),
    _slip(
        "all mistyped",
        "mistypes four fields, is told of all at once, mends them",
        _everything_mistyped,
        *(_NAME_FORMAT, _NIK_FORMAT, _EMAIL_FORMAT, _PHONE_FORMAT),
    ),
    _slip(
        "date confirmed",
        "has a NIK with another date, looks again, confirms it",
        _confirms_nothing,
        _NIK_DATE,
        truth=_date_in_nik_differs,
    ),
    _of_registry("wrong name", 9001, "is another by name in the registry", End(nik=Reason.NAME_MISMATCH)),
    _of_registry("wrong birth date", 9002, "was born another day", End(nik=Reason.BIRTH_DATE_MISMATCH)),
    _of_registry("wrong birth place", 9003, "was born elsewhere", End(nik=Reason.BIRTH_PLACE_MISMATCH)),
    _of_registry("inactive", 9014, "is inactive in the registry", End(nik=Reason.INACTIVE)),
    _of_registry("not found", 9404, "is never found", End(nik=Reason.NOT_FOUND)),
    _of_registry("found late", 9405, "is found at the third try", End()),
    _of_registry("html page", 9200, "has the registry answer with a web page", *_DELAYED),
    _of_registry("http 500", 9500, "has the registry fail", *_DELAYED),
    _of_registry("quota text", 9429, "has the registry say that the quota is used up", *_DELAYED),
    _of_registry("no answer", 9504, "has the registry never answer", *_DELAYED),
    _of_registry("student", 9601, "is at school or university", End(student=Reason.IS_STUDENT)),
    _of_registry("left school", 9602, "was at school or university, and has left", End()),
    Persona(
        name="dead mailbox",
        does="gives an address that does not exist",
        deserves=(End(email=Reason.EMAIL_UNDELIVERABLE),),
        truth=partial(_at_domain, domain=BOUNCING_DOMAIN),
    ),
    Persona(
        name="greylisted",
        does="has a mailbox that refuses the first two tries",
        deserves=_COMPLETE,
        truth=partial(_at_domain, domain=GREYLISTING_DOMAIN),
    ),
    Persona(
        name="dead phone",
        does="gives a number that cannot be reached",
        deserves=(End(phone=Reason.PHONE_UNREACHABLE),),
        truth=_unreachable,
    ),
    Persona(
        name="twins of one nik",
        parts=2,
        does="two people, one NIK: the first to be verified has it",
        deserves=(End(), End(nik=Reason.NIK_ALREADY_REGISTERED)),
        shares_a_nik=True,
    ),
    Persona(
        name="double sender",
        does="sends twice at the same moment, and again at the end",
        deserves=_COMPLETE,
        habit=Habit.AT_ONCE_AND_AGAIN,
    ),
)
DECK_SIZE = sum(persona.parts for persona in PERSONAS)
