"""Nobody learns from the front door who has registered."""

import json
import re

from tests.stack import API, Answer, Stack, eventually, someone

HANDLE_AND_TIME = re.compile(rb"[A-Za-z0-9_-]{40}|[0-9-]{10}T[0-9:.]+Z")
# What differs between any two answers.
OWN = {"date", "etag"}


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What an answer tells, without its handle and time."""
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in OWN}
    return answer.status, headers, HANDLE_AND_TIME.sub(b"*", answer.body)


def test_a_known_nik_mail_or_phone_is_answered_like_a_new_one(stack: Stack) -> None:
    """Owned NIK, known mail, known phone: the same status, headers and body as for someone new."""
    owner = someone()
    handle = stack.register(owner).json["handle"]
    eventually(lambda: stack.status(handle)["checks"]["nik"]["state"] == "verified")
    stack.confirm(owner, handle)
    assert stack.status(handle)["state"] == "complete"

    expected = told(stack.register(someone()))
    fields = {name: getattr(owner, name) for name in owner.__struct_fields__}
    stranger = someone()
    for known in ({"nik", "birth_date", "name", "birth_place"}, {"email"}, {"phone"}, set(fields)):
        mixed = {name: fields[name] if name in known else getattr(stranger, name) for name in fields}
        assert told(stack.register(type(owner)(**mixed))) == expected


def settle(stack: Stack, handle: str) -> None:
    """Wait until a registration with a refused mailbox stands still."""
    ends = {"nik": "verified", "email": "rejected", "phone": "sent"}
    eventually(lambda: {kind: check["state"] for kind, check in stack.status(handle)["checks"].items()} == ends)


def test_a_correction_to_a_known_address_is_answered_like_one_to_a_new_one(stack: Stack) -> None:
    """Who corrects a refused mailbox learns nothing about the address that they give."""
    known = someone()
    stack.register(known)
    answers = []
    for address in (known.email, someone().email):
        refused = someone()
        fields = {name: getattr(refused, name) for name in refused.__struct_fields__}
        handle = stack.register(type(refused)(**{**fields, "email": "nobody@bounce.example"})).json["handle"]
        settle(stack, handle)
        answers.append(
            told(
                stack.call(
                    "PATCH",
                    f"{API}/{handle}",
                    body=json.dumps({"email": address}).encode(),
                    headers={"Content-Type": "application/json"},
                )
            )
        )
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
