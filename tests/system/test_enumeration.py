"""Nobody learns from the front door who has registered."""

import re

from tests.stack import Answer, Stack, eventually, someone

HANDLE_AND_TIME = re.compile(rb"[A-Za-z0-9_-]{40}|[0-9-]{10}T[0-9:.]+Z")
# What differs between any two answers.
OWN = {"date"}


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
