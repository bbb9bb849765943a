"""The OpenAPI 3.1 document of the JSON interface, made from the types and from `ingest/operations.py`.

Made once at start and served as it is; docs/openapi.json is the same document, written by `make docs`. Nothing is held
here, so nothing can be lost.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from ingest import problems
from ingest.operations import EXAMPLES, OPERATIONS, FieldProblem, Operation, ProblemBody
from ingest.problems import STATUS, Problem
from registration.errors import FieldError

Json: TypeAlias = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_PROBLEM_TYPE = "application/problem+json"
_DESCRIPTION = (
    "Every error is a problem document (RFC 9457), in Indonesian unless `Accept-Language: en` asks for English. Another"
    " method than those listed is answered 405 with `Allow`."
)
_PARAMETERS: Mapping[str, Json] = {
    "Content-Range": {
        "description": "Which bytes of the photo these are; only with an Idempotency-Key, the same for every part",
        "schema": {"type": "string", "pattern": r"^bytes ([0-9]{1,10}-[0-9]{1,10}|\*)/[0-9]{1,10}$"},
    },
    "Idempotency-Key": {
        "required": True,
        "description": "8 to 128 visible ASCII characters; drawn anew for each person, kept for each retry",
        "schema": {"type": "string", "pattern": "^[!-~]{8,128}$"},
        "example": "3f0d1f5e8f7e4f0c9d54",
    },
    "If-None-Match": {"description": "The ETag of the last answer", "schema": {"type": "string"}},
    "Accept-Language": {
        "description": "The language of problems",
        "schema": {"type": "string", "default": "id"},
        "example": "en",
    },
}
_HANDLE: Json = {
    "name": "handle",
    "in": "path",
    "required": True,
    "description": "The handle of the receipt",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{40}$"},
}
_ANSWER_HEADERS: Mapping[str, Json] = {
    "Idempotency-Replayed": {
        "description": "There when an earlier request with this key had brought the same",
        "schema": {"const": "true"},
    },
    "ETag": {"description": "For If-None-Match", "schema": {"type": "string"}},
    "Cache-Control": {"schema": {"type": "string"}},
    "Retry-After": {
        "required": True,
        "description": "Seconds to wait, jittered",
        "schema": {"type": "integer", "minimum": 1},
    },
}
# A problem with one of these statuses says when to come back.
_DELAYED = frozenset({409, 429, 503})


def document() -> Json:
    """The document, as what JSON is made of."""
    structs = (ProblemBody, FieldProblem, *chain.from_iterable(_structs(operation) for operation in OPERATIONS))
    _, components = msgspec.json.schema_components(dict.fromkeys(structs), ref_template=_REFERENCE)
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "gelombang", "version": "1", "description": _DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components},
    }
    plain: Json = msgspec.json.decode(msgspec.json.encode(made))  # tuples become what a reader of JSON sees
    return plain


def page() -> str:
    """The document as docs/openapi.json holds it: in lines, so that a change can be read."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _structs(operation: Operation) -> Sequence[type[msgspec.Struct]]:
    return [struct for struct in (operation.body, *operation.answers.values()) if struct is not None]


def _operation(operation: Operation) -> Json:
    names = (*operation.headers, "Accept-Language")
    parameters = [_HANDLE] if "{handle}" in operation.path else []
    parameters += [{"name": name, "in": "header", **_PARAMETERS[name]} for name in names]
    made: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            **{str(status): _answer(operation, status) for status in operation.answers},
            **{str(status): _problem(status, codes) for status, codes in _by_status(operation.codes).items()},
        },
    }
    if operation.body is not None:
        made["requestBody"] = {"required": True, "content": _content("application/json", operation.body)}
    if operation.media:
        binary = {"schema": {"type": "string", "format": "binary"}}
        made["requestBody"] = {"required": True, "content": dict.fromkeys(operation.media, binary)}
    return made


def _answer(operation: Operation, status: int) -> Json:
    made: Json = {
        "description": _meaning(operation, status),
        "headers": {name: _ANSWER_HEADERS[name] for name in operation.answer_headers},
    }
    struct = operation.answers[status]
    if struct is not None:
        made["content"] = _content("application/json", struct)
    elif status == 200:  # noqa: PLR2004 - this document itself
        made["content"] = {"application/json": {"schema": {"type": "object"}}}
    return made


def _meaning(operation: Operation, status: int) -> str:
    struct = operation.answers[status]
    if status == 304:  # noqa: PLR2004 - not modified
        return "Nothing has changed."
    return operation.summary if struct is None else (struct.__doc__ or "").partition("\n")[0]


def _content(media_type: str, struct: type[msgspec.Struct]) -> Json:
    return {media_type: {"schema": {"$ref": _REFERENCE.format(name=struct.__name__)}, "example": EXAMPLES[struct]}}


def _by_status(codes: Sequence[str]) -> Mapping[int, Sequence[str]]:
    statuses = sorted({STATUS[code] for code in codes})
    return {status: [code for code in codes if STATUS[code] == status] for status in statuses}


def _problem(status: int, codes: Sequence[str]) -> Json:
    """The answer of a status, with each of its codes as an example in English."""
    schema = {
        "allOf": [{"$ref": _REFERENCE.format(name=ProblemBody.__name__)}],
        "properties": {"status": {"const": status}, "code": {"enum": list(codes)}},
    }
    examples = {code: {"value": _example(code)} for code in codes}
    return {
        "description": " · ".join(example["value"]["title"] for example in examples.values()),
        "headers": {"Retry-After": _ANSWER_HEADERS["Retry-After"]} if status in _DELAYED else {},
        "content": {_PROBLEM_TYPE: {"schema": schema, "examples": examples}},
    }


def _example(code: str) -> Json:
    fields = (FieldError("nik", "nik_birth_date_mismatch"),) if code == "fields_wrong" else ()
    example: Json = msgspec.json.decode(problems.document(Problem(code, fields), "en"))
    return example
