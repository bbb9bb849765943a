r"""The applicant: what was submitted, checked field by field, and normalised once.

`examine` finds every wrong field in one pass, so that nobody mends one error to be shown the next. Everything behind it
trusts an `Applicant` and never checks again.

Pure: standard library and msgspec only. Patterns end in `\Z` and name their digits: `$` admits a trailing newline and
`\d` admits digits of other scripts.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import msgspec

from registration import nik as nik_number
from registration.errors import FieldError, Rejected

MINIMUM_AGE_YEARS = 18
MAXIMUM_AGE_YEARS = 120
CONFIRMABLE = frozenset({"nik_birth_date_mismatch", "nik_unknown_region"})
FIELDS = ("name", "birth_place", "birth_date", "nik", "email", "phone")

# Most names are plain ASCII, which a simple class checks three times as fast as the letters of all scripts.
_ASCII_NAME = re.compile(r"\A[A-Za-z][A-Za-z .,'`/-]{0,99}\Z")
_ASCII_PLACE = re.compile(r"\A[A-Za-z][A-Za-z0-9 .,'`()/-]{0,99}\Z")
_LETTERS = r"[^\W\d_]"
_NAME = re.compile(rf"\A{_LETTERS}(?:{_LETTERS}|[ .,'’`/-]){{0,99}}\Z")
_PLACE = re.compile(rf"\A{_LETTERS}(?:{_LETTERS}|[0-9 .,'’`()/-]){{0,99}}\Z")
_DATE_LENGTH = len("1990-02-03")
# The pattern that browsers use for <input type=email> (WHATWG HTML, "valid e-mail address"), with a dot in the domain
# and no dot at the edges or twice in the local part (RFC 5321 dot-string).
_EMAIL = re.compile(
    r"\A(?=.{6,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])\Z"
)
# Indonesian mobile numbers: 8, then 8 to 11 more digits, after 0, 62 or +62.
_PHONE = re.compile(r"\A(?:\+?62|0)(8[1-9][0-9]{7,10})\Z")
_PHONE_PUNCTUATION = str.maketrans("", "", " -.()")


class Submission(msgspec.Struct, frozen=True):
    """The fields as they came in, unchecked. A missing text is empty."""

    name: str = ""
    birth_place: str = ""
    birth_date: str = ""
    nik: str = ""
    email: str = ""
    phone: str = ""
    confirm: tuple[str, ...] = ()


class Applicant(msgspec.Struct, frozen=True):
    """A person's data, valid and normalised: NFC, single spaces, phone as +628…, e-mail domain in lower case."""

    name: str
    birth_place: str
    birth_date: date
    nik: str
    email: str
    phone: str


_decode_submission = msgspec.json.Decoder(Submission).decode


def parse(body: bytes) -> Submission:
    """Read the JSON of a submission.

    Raises `Rejected("json_malformed")` when it is no JSON object, and `Rejected("fields_wrong")` naming every field
    that has the wrong type.
    """
    try:
        return _decode_submission(body)
    except msgspec.ValidationError:
        raise _wrong_types(body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("json_malformed") from error


def examine(submission: Submission, *, today: date) -> Applicant:
    """Check and normalise every field; `today` decides the age.

    Raises `Rejected("fields_wrong")` with all wrong fields in the order of the form.
    """
    try:
        nik = _nik(submission.nik)
        birth_date = _birth_date(submission.birth_date, today=today)
        applicant = Applicant(
            name=_name(submission.name),
            birth_place=_birth_place(submission.birth_place),
            birth_date=birth_date,
            nik=nik.text,
            email=_email(submission.email),
            phone=_phone(submission.phone),
        )
    except ValueError:  # the first wrong field; the second pass finds all of them
        raise Rejected("fields_wrong", _wrong_fields(submission, today)) from None
    if _doubts(nik, birth_date, submission.confirm):
        raise Rejected("fields_wrong", _wrong_fields(submission, today))
    return applicant


def resubmission(person: Applicant, **changes: str) -> Submission:
    """What a person would send again, with some of it changed."""
    kept: dict[str, Any] = {name: str(getattr(person, name)) for name in FIELDS}
    return Submission(**{**kept, **changes})


def birth_date_or_none(submission: Submission) -> date | None:
    """The submitted birth date, where it is a date at all."""
    try:
        return date.fromisoformat(submission.birth_date.strip(" "))
    except ValueError:
        return None


def _wrong_fields(submission: Submission, today: date) -> tuple[FieldError, ...]:
    """Every wrong field, in the order of the form; what the NIK contradicts counts only where the NIK can be read."""
    checks: dict[str, Callable[[str], object]] = {
        "name": _name,
        "birth_place": _birth_place,
        "birth_date": partial(_birth_date, today=today),
        "nik": _nik,
        "email": _email,
        "phone": _phone,
    }
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for field in FIELDS:
        text: str = getattr(submission, field)
        try:
            values[field] = checks[field](text)
        except ValueError as error:
            errors.append(FieldError(field, (str(error) or f"{field}_format") if text.strip() else "required"))
    if "nik" in values:
        errors += _doubts(values["nik"], values.get("birth_date"), submission.confirm)
    return tuple(sorted(errors, key=lambda error: FIELDS.index(error.field)))


def _wrong_types(body: bytes) -> Rejected:
    """All wrong types. The decoder has stopped at the first, so what stands behind it can still be malformed."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Rejected("json_malformed")
    if not isinstance(value, dict):
        return Rejected("json_malformed")
    errors = [FieldError(field, "type") for field in FIELDS if not isinstance(value.get(field, ""), str)]
    confirm = value.get("confirm", [])
    if not isinstance(confirm, list) or not all(isinstance(code, str) for code in confirm):
        errors.append(FieldError("confirm", "type"))
    # None is left when a name stands there twice, first with a wrong type and then with a right one.
    return Rejected("fields_wrong", tuple(errors)) if errors else Rejected("json_malformed")


def _doubts(nik: nik_number.Nik, birth_date: date | None, confirmed: tuple[str, ...]) -> list[FieldError]:
    """What the NIK says that does not fit, unless the applicant has looked again and confirmed it."""
    codes = []
    if birth_date is not None and not nik.agrees_with(birth_date):
        codes.append("nik_birth_date_mismatch")
    if nik.regency_name is None:
        codes.append("nik_unknown_region")
    return [FieldError("nik", code) for code in codes if code not in confirmed]


def _name(text: str) -> str:
    text = _single_spaces(text)
    if not (_ASCII_NAME.match(text) or _NAME.match(text)):
        raise ValueError
    return text


def _birth_place(text: str) -> str:
    text = _single_spaces(text)
    if not (_ASCII_PLACE.match(text) or _PLACE.match(text)):
        raise ValueError
    return text


def _single_spaces(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "  " not in text and text == text.strip(" "):
        return text
    return " ".join([part for part in text.split(" ") if part])


def _birth_date(text: str, *, today: date) -> date:
    text = text.strip(" ")
    if len(text) != _DATE_LENGTH or text[4] != "-" or text[7] != "-":  # fromisoformat takes other forms too
        raise ValueError
    try:
        birth_date = date.fromisoformat(text)
    except ValueError:
        raise ValueError from None
    age = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    if age > MAXIMUM_AGE_YEARS or birth_date > today:
        raise ValueError
    if age < MINIMUM_AGE_YEARS:
        raise ValueError("under_age")
    return birth_date


def _nik(text: str) -> nik_number.Nik:
    return nik_number.parse(text.replace(" ", ""))


def _email(text: str) -> str:
    text = text.strip(" ")
    if not _EMAIL.match(text):
        raise ValueError
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def _phone(text: str) -> str:
    match = _PHONE.match(text) or _PHONE.match(text.translate(_PHONE_PUNCTUATION))
    if match is None:
        raise ValueError
    return f"+62{match[1]}"
