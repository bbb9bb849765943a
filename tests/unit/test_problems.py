"""Every error has an answer in both languages, and none shows what stood in the error."""

import math

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import wording
from ingest.pages import Pages
from ingest.problems import STATUS, Problem, classify, document
from ingest.routing import NoRouteError
from ingest.wording import LANGUAGES, Language
from registration.applicant import CONFIRMABLE, FIELDS
from registration.errors import FieldError, Overloaded, Permanent, Rejected, Retryable

PERSONAL = "3174014302900001"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", STATUS)
def test_every_code_has_words_in_both_languages(code: str, language: Language) -> None:
    """No reader is left with a code."""
    for part in ("title", "detail"):
        assert wording.catalogue()[f"problem.{code}.{part}"][language].strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_code_has_words_in_both_languages(language: Language) -> None:
    """All that `examine` and `parse` can say of a field."""
    for code in ("required", "type", "under_age", *CONFIRMABLE, *(f"{field}_format" for field in FIELDS)):
        assert wording.field_message(code, language).strip()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", STATUS)
def test_a_document_follows_the_rfc(code: str, language: Language) -> None:
    """RFC 9457: type, title, status and detail, beside our code."""
    said = msgspec.json.decode(document(Problem(code), language))

    assert {"type", "title", "status", "detail", "code"} == set(said)
    assert (STATUS[code], code) == (said["status"], said["code"])
    assert 400 <= said["status"] < 600


def test_all_wrong_fields_stand_in_the_document_in_order() -> None:
    """With a message each, in the reader's language."""
    fields = tuple(FieldError(field, "required") for field in FIELDS)
    problem = classify(Rejected("fields_wrong", fields), retry_after_seconds=1.0)
    indonesian, english = (msgspec.json.decode(document(problem, language))["errors"] for language in LANGUAGES)

    assert list(FIELDS) == [error["field"] for error in english]
    assert {"required"} == {error["code"] for error in english}
    assert all(one["message"] != other["message"] for one, other in zip(indonesian, english, strict=True))


@settings(deadline=None)
@given(seconds=st.floats(min_value=0.01, max_value=86_400))
def test_a_delay_lies_between_itself_and_its_double(seconds: float) -> None:
    """Whole seconds, never earlier than asked, spread so that a crowd does not come back at once."""
    for error in (Overloaded("overloaded", seconds), Retryable("ministry_busy", seconds)):
        problem = classify(error, retry_after_seconds=99_999.0)
        assert problem.retry_after_seconds is not None
        assert math.ceil(seconds) <= problem.retry_after_seconds <= math.ceil(2 * seconds)
        assert {"Retry-After": str(problem.retry_after_seconds)} == problem.headers


def test_delays_differ() -> None:
    """Jitter, not a constant."""
    delays = {classify(Overloaded("overloaded", 100.0), retry_after_seconds=1.0).retry_after_seconds for _ in range(50)}

    assert len(delays) > 10


def test_a_failure_without_a_delay_of_its_own_has_the_general_one() -> None:
    """503 always says when to come back."""
    problem = classify(Retryable("database_timeout"), retry_after_seconds=10.0)

    assert (problem.code, problem.status) == ("dependency_down", 503)
    assert problem.retry_after_seconds in range(10, 21)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Rejected("key_reused"), "key_reused"),
        (Overloaded("key_in_flight", 1.0), "key_in_flight"),
        (NoRouteError(), "not_found"),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), "body_too_large"),
        (web.RequestPayloadError(PERSONAL), "request_malformed"),
        (Permanent("poison"), "internal_error"),
        (ValueError(PERSONAL), "internal_error"),
        (KeyError(PERSONAL), "internal_error"),
    ],
)
def test_each_error_has_its_code(error: Exception, code: str) -> None:
    """What is not known is a bug, and says no more than that."""
    assert code == classify(error, retry_after_seconds=1.0).code


def test_a_wrong_method_is_told_the_right_ones() -> None:
    """RFC 9110 asks for Allow with 405."""
    problem = classify(NoRouteError(("POST", "GET")), retry_after_seconds=1.0)

    assert (problem.status, problem.headers) == (405, {"Allow": "GET, POST"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "error",
    [ValueError(PERSONAL), KeyError(PERSONAL), web.RequestPayloadError(PERSONAL), Retryable(PERSONAL, 1.0)],
)
def test_the_text_of_an_error_is_in_no_answer(error: Exception, language: Language) -> None:
    """Neither in the document for programs nor in the page for people."""
    problem = classify(error, retry_after_seconds=1.0)
    page = Pages().problem(language, problem.code, wait_seconds=problem.retry_after_seconds)

    for answer in (document(problem, language), page):
        assert PERSONAL.encode() not in answer
        assert b"Traceback" not in answer
