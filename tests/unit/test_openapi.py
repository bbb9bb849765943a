"""The OpenAPI document says what the front door does: its routes, its codes, and examples that hold."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest import openapi
from ingest.operations import ELSEWHERE, OPERATIONS, RegistrationBody
from ingest.problems import STATUS
from ingest.requests import require_idempotency_key
from ingest.routes import routes
from ingest.routing import REGISTRATIONS
from registration import applicant
from registration.applicant import CONFIRMABLE, FIELDS, Submission
from registration.errors import Rejected

TODAY = date(2026, 11, 24)
DOCUMENT = openapi.document()
LETTERS = "a-zA-ZÀ-ÖØ-öø-ÿĀ-ž"
PROPERTIES = DOCUMENT["components"]["schemas"]["RegistrationBody"]["properties"]


class _AnyHandlers:
    """Stands for the handlers: only their addresses are of interest."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a handler of any name
        return name


def operations() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation of the document with its name as the router has it."""
    for path, methods in DOCUMENT["paths"].items():
        yield from ((f"{method.upper()} {path}", operation) for method, operation in methods.items())


def contents() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every body of the document, asked or answered."""
    for name, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        yield from ((name, content) for body in bodies for content in body.get("content", {}).values())


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Every example with the schema that it is an example of."""
    for name, content in contents():
        values = [example["value"] for example in content.get("examples", {}).values()]
        values += [content["example"]] if "example" in content else []
        yield from ((name, content["schema"], value) for value in values)


def is_valid(schema: Any, value: Any) -> bool:  # noqa: ANN401 - any JSON
    return jsonschema_rs.is_valid({**schema, "components": DOCUMENT["components"]}, value, validate_formats=True)


def test_every_address_for_programs_is_in_it_and_nothing_more() -> None:
    """Whoever adds a route describes it."""
    handlers: Any = _AnyHandlers()
    routed = {
        name
        for name in routes(
            programs=handlers,
            people=handlers,
            receipts=handlers,
            photos=handlers,
            participation_api=handlers,
            participation_pages=handlers,
        ).names()
        if " /api/" in name
    }

    assert {name for name, _ in operations()} == {name for name in routed if not name.startswith("HEAD ")}


def test_every_problem_is_an_answer_of_some_operation() -> None:
    """Whoever adds a code says where it can come."""
    assert {code for operation in OPERATIONS for code in operation.codes} == STATUS.keys() - ELSEWHERE


def test_the_body_has_the_fields_that_are_read() -> None:
    """What is described is what a submission takes, and what it needs is what the form needs."""
    assert tuple(PROPERTIES) == Submission.__struct_fields__
    assert tuple(DOCUMENT["components"]["schemas"]["RegistrationBody"]["required"]) == FIELDS
    assert set(PROPERTIES["confirm"]["items"]["enum"]) == CONFIRMABLE


def test_there_is_an_example_for_every_body_and_every_example_holds() -> None:
    """Readers copy examples."""
    shown = list(examples())
    described = [
        content
        for _, content in contents()
        if content["schema"] not in ({"type": "object"}, {"type": "string", "format": "binary"})
    ]

    assert all("example" in content or content["examples"] for content in described)
    assert [(name, value) for name, schema, value in shown if not is_valid(schema, value)] == []


def test_a_wrong_answer_would_not_hold() -> None:
    """The schemas above refuse something."""
    receipt = {"$ref": "#/components/schemas/ReceiptBody"}
    status = {"$ref": "#/components/schemas/StatusBody"}
    example = DOCUMENT["paths"][f"{REGISTRATIONS}/{{handle}}"]["get"]["responses"]["200"]["content"]["application/json"]

    assert not is_valid(receipt, {"handle": "x", "status_url": "x", "received_at": "2026-11-24T03:06:25Z"})
    assert not is_valid(status, {**example["example"], "state": "lost"})
    assert not is_valid(status, {**example["example"], "checks": {}})


def test_the_example_is_accepted_as_it_stands() -> None:
    """The first thing that a programmer sends is a registration."""
    body = DOCUMENT["paths"][REGISTRATIONS]["post"]["requestBody"]["content"]["application/json"]["example"]
    key = DOCUMENT["paths"][REGISTRATIONS]["post"]["parameters"][0]["example"]

    assert applicant.examine(applicant.parse(json.dumps(body).encode()), today=TODAY).phone == "+6281234567890"
    assert require_idempotency_key(key) == key


@pytest.mark.parametrize("field", ["birth_place", "name", "nik", "email", "phone"])
@settings(deadline=None)
@given(data=st.data())
def test_what_a_pattern_describes_has_the_right_format(field: str, data: st.DataObject) -> None:
    """A value that fits the document is not refused for its form."""
    schema = PROPERTIES[field]
    # Python has no \p{L}: letters of some alphabets stand for all, in a class of their own and inside of one.
    pattern = re.sub(r"^\^\\p\{L\}", f"^[{LETTERS}]", schema["pattern"]).replace(r"\p{L}", LETTERS)
    value = data.draw(st.from_regex(re.compile(pattern.removesuffix("$") + r"\Z")))
    assume(len(value) <= schema.get("maxLength", len(value)))
    assume(field != "email" or len(value.partition("@")[0]) <= 64)
    assert is_valid(schema, value)
    person = msgspec.structs.replace(Submission(confirm=tuple(CONFIRMABLE)), **{field: value})
    with pytest.raises(Rejected) as caught:
        applicant.examine(person, today=TODAY)
    assert field not in {error.field for error in caught.value.fields}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", text) for text in ("", "4", " Siti", "Siti1", "S" * 101)),
        *(("birth_date", text) for text in ("1990-13-01", "03-02-1990", "1990-2-3")),
        *(("nik", text) for text in ("317401430290000", "3174014302900000", "0174014302900001", "3174017202900001")),
        *(
            ("email", text)
            for text in ("siti", "siti@mail", ".a@mail.example", f"{'a' * 250}@b.id", "a@mail.example\n")
        ),
        *(("phone", text) for text in ("021555", "+1 212 555 0100", "0812345", "08" + "1" * 12)),
    ],
)
def test_what_is_wrong_does_not_fit(field: str, value: str) -> None:
    """The document refuses what the front door refuses; only spaces around a value are our own kindness."""
    assert not is_valid(PROPERTIES[field], value)


def test_the_document_is_the_same_every_time() -> None:
    """The file in docs/ changes only when the interface does."""
    assert openapi.page() == openapi.page()
    assert json.loads(openapi.page()) == DOCUMENT == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    assert RegistrationBody.__name__ in DOCUMENT["components"]["schemas"]
