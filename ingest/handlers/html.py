"""What the page handlers share: answers that are pages, the fields of a sent form, and what was typed, shown again."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from ingest import requests, wording
from ingest.pages import FieldProblem, Typed, nik_in_words
from ingest.wording import Language
from registration import applicant, nik
from registration.applicant import Submission
from registration.errors import FieldError, Rejected

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50


def html(page: bytes, *, status: int = 200) -> web.Response:
    """A page."""
    return web.Response(status=status, body=page, content_type="text/html", charset="utf-8")


def without_referrer(response: web.Response) -> web.Response:
    """The address of this page holds a secret."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def see_other(location: str) -> web.Response:
    """After a form: the browser gets the page, so that reloading sends nothing twice."""
    return web.Response(status=303, headers={"Location": location})


async def form_fields(request: web.BaseRequest, *, timeout_seconds: float) -> Mapping[str, str]:
    """The fields of a form; all that are called `confirm` are one, with spaces between."""
    if request.content_type != _FORM:
        raise Rejected("request_malformed")
    body = await requests.body(request, timeout_seconds=timeout_seconds)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Rejected("request_malformed") from None
    fields = dict(pairs)
    fields["confirm"] = " ".join(value for name, value in pairs if name == "confirm")
    return fields


def submission_of(fields: Mapping[str, str]) -> Submission:
    """A person's data out of a form."""
    texts = {name: fields.get(name, "") for name in applicant.FIELDS}
    return Submission(**texts, confirm=tuple(fields["confirm"].split()))


def typed_again(submission: Submission, errors: tuple[FieldError, ...], language: Language) -> Typed:
    """What was typed, what is wrong with it, and what the NIK says in words, where it can be read at all."""
    return Typed(
        values={name: getattr(submission, name) for name in applicant.FIELDS},
        errors=tuple(
            FieldProblem(wrong.field, wrong.code, wording.field_message(wrong.code, language)) for wrong in errors
        ),
        nik_says=_nik_says(submission, language),
        confirmed=frozenset(submission.confirm),
    )


def _nik_says(submission: Submission, language: Language) -> str | None:
    try:
        number = nik.parse(submission.nik.replace(" ", ""))
    except nik.NikFormatError:
        return None
    return nik_in_words(number, applicant.birth_date_or_none(submission), language)
