"""The one place where an error becomes an answer: status, code, Retry-After, and the words in the reader's language.

Guarantee: every error has an answer, none shows a stack trace, a value or a name. RFC 9457 for programs, a page for
people.
"""

import math
import random
from typing import Any

import msgspec
import structlog
from aiohttp import web

from ingest import wording
from ingest.routing import NoRouteError
from ingest.wording import Language
from registration.errors import FieldError, Overloaded, Rejected, Retryable
from registration.runtime import describe_bug

log = structlog.get_logger(__name__)

STATUS = {
    "idempotency_key_missing": 400,
    "idempotency_key_format": 400,
    "json_malformed": 400,
    "request_malformed": 400,
    "csrf": 403,
    "not_found": 404,
    "token_invalid": 404,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "key_in_flight": 409,
    "body_too_large": 413,
    "photo_over_limit": 413,
    "not_json": 415,
    "photo_type": 415,
    "key_reused": 422,
    "fields_wrong": 422,
    "not_correctable": 422,
    "photo_settled": 422,
    "wave_not_open": 422,
    "checks_incomplete": 422,
    "test_not_started": 422,
    "test_ended": 422,
    "test_not_done": 422,
    "already_selected": 422,
    "code_wrong": 422,
    "code_expired": 422,
    "code_tries_used_up": 429,
    "code_limit": 429,
    "email_link_limit": 429,
    "correction_limit": 429,
    "recheck_limit": 429,
    "too_many_for_nik": 429,
    "rate_limited": 429,
    "internal_error": 500,
    "overloaded": 503,
    "dependency_down": 503,
}
_JITTER = 2.0  # Retry-After lies between the delay and twice the delay, so that a crowd does not come back at once


class Problem(msgspec.Struct, frozen=True):
    """An error as the client sees it."""

    code: str
    fields: tuple[FieldError, ...] = ()
    retry_after_seconds: int | None = None
    allow: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the problem."""
        headers = {}
        if self.retry_after_seconds is not None:
            headers["Retry-After"] = str(self.retry_after_seconds)
        if self.allow is not None:
            headers["Allow"] = self.allow
        return headers


def classify(error: Exception, *, retry_after_seconds: float) -> Problem:
    """What to answer for an error. `retry_after_seconds` is for failures that name no delay of their own."""
    match error:
        case Rejected():
            problem = Problem(error.code, error.fields)
        case Overloaded():
            problem = Problem(error.code, retry_after_seconds=jittered(error.retry_after_seconds))
        case Retryable():
            delay = error.retry_after_seconds or retry_after_seconds
            problem = Problem("dependency_down", retry_after_seconds=jittered(delay))
        case NoRouteError(allowed=()):
            problem = Problem("not_found")
        case NoRouteError():
            problem = Problem("method_not_allowed", allow=", ".join(sorted(error.allowed)))
        case web.HTTPRequestEntityTooLarge():
            problem = Problem("body_too_large")
        case web.RequestPayloadError():
            problem = Problem("request_malformed")
        case _:
            log.error("bug in handler", **describe_bug(error))
            problem = Problem("internal_error")
    return problem


def document(problem: Problem, language: Language) -> bytes:
    """The problem as JSON (RFC 9457), with all wrong fields under `errors`."""
    said = wording.problem(problem.code, language)
    body: dict[str, Any] = {
        "type": f"urn:gelombang:problem:{problem.code}",
        "title": said.title,
        "status": problem.status,
        "detail": said.detail,
        "code": problem.code,
    }
    if problem.fields:
        body["errors"] = [
            {"field": error.field, "code": error.code, "message": wording.field_message(error.code, language)}
            for error in problem.fields
        ]
    return msgspec.json.encode(body)


def jittered(seconds: float) -> int:
    """A whole number of seconds between the delay and twice the delay, for Retry-After."""
    return math.ceil(random.uniform(seconds, seconds * _JITTER))  # noqa: S311 - spreads load, guards nothing
