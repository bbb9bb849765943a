"""The front door does what its OpenAPI document says, whatever is sent: generated data, right and wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.stack import Stack, someone

PAGE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
Case: TypeAlias = schemathesis.Case[Any]
DOCUMENT = "/api/v1/openapi.json"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # what fails is reported as it was sent: shrinking would take minutes
    suppress_health_check=list(HealthCheck),
)


SCHEMA = schemathesis.openapi.from_path(PAGE)
SCHEMA.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that stay open."""
    with requests.Session() as opened:
        yield opened


@pytest.fixture(scope="module")
def handle(stack: Stack) -> str:
    """A registration of this file's own."""
    made: str = stack.register(someone()).json["handle"]
    return made


@SCHEMA.parametrize()
@BOUNDED
def test_every_answer_is_a_documented_one(case: Case, stack: Stack, session: requests.Session) -> None:
    """No 5xx; status, type, headers and body as the document has them."""
    case.call_and_validate(base_url=stack.endpoints["front_door"], checks=CHECKS, session=session)


@SCHEMA.include(path_regex=r"\{handle\}").parametrize()
@BOUNDED
def test_it_holds_for_a_registration_that_is_there_too(
    case: Case, stack: Stack, session: requests.Session, handle: str
) -> None:
    """Generated handles are refused; this one leads to the answers behind them."""
    case.path_parameters = {"handle": handle}
    case.call_and_validate(base_url=stack.endpoints["front_door"], checks=CHECKS, session=session)


def test_the_document_can_be_kept_for_an_hour(stack: Stack) -> None:
    """It is the same for everybody, and the same each time."""
    first, again = stack.call("GET", DOCUMENT), stack.call("GET", DOCUMENT)

    assert (first.status, first.headers["Content-Type"]) == (200, "application/json")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert first.headers["ETag"] is None
    assert first.body == again.body
    assert first.json == json.loads(PAGE.read_text(encoding="utf-8"))
    assert stack.call("HEAD", DOCUMENT).status == 200
