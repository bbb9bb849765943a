"""A person's rights, as an operator serves them: all that is held is printed, and then destroyed."""

import base64
import io
import json
import subprocess
import uuid
from typing import Any

import asyncpg
import pytest
from PIL import Image

from simulators.people import Person
from tests.photos import CANARY, with_everything
from tests.stack import API, ENVIRONMENT, Stack, command, eventually, gelombang, someone, typed

WHY = ("--reason", "tiket 4711")


async def tables(stack: Stack) -> dict[str, list[str]]:
    """Every row of every table, as text: what a dump of the database would hold."""
    connection = await asyncpg.connect(stack.endpoints["database_url"])
    try:
        names = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {
            name: [row["line"] for row in await connection.fetch(f'select t::text as line from "{name}" as t')]  # noqa: S608
            for (name,) in names
        }
    finally:
        await connection.close()


async def rows_with(stack: Stack, word: str) -> dict[str, int]:
    """In which tables a word stands, and in how many rows."""
    found = {table: sum(word in line for line in lines) for table, lines in (await tables(stack)).items()}
    return {table: count for table, count in found.items() if count}


def subject(stack: Stack, name: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run `gelombang subject …`."""
    line = [*command("subject", stack.directory)[:4], name, *arguments, "--data-dir", str(stack.directory)]
    return subprocess.run(line, env=ENVIRONMENT, check=False, capture_output=True, text=True, input=said)  # noqa: S603 - our own command


def exported(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    """The registrations of an export."""
    done = subject(stack, "export", *arguments, *WHY)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["registrations"]
    return found


def registration_id(handle: str) -> str:
    """The id in a handle."""
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(handle)[:16]))


def completed(stack: Stack, person: Person) -> str:
    """Somebody who has gone all the way."""
    handle: str = stack.register(person).json["handle"]
    stack.confirm(person, handle)
    eventually(lambda: stack.status(handle)["state"] == "complete")
    return handle


async def test_everything_is_printed_and_then_gone(stack: Stack) -> None:
    """Access and erasure of one person; the audit says who did it and why, and the books still balance."""
    person = someone()
    handle = completed(stack, person)
    other = stack.register(type(person)(**{**fields(person), "email": someone().email})).json["handle"]
    (held,) = exported(stack, "--handle", handle)
    assert held["submitted"] == {**typed(person), "phone": person.phone}
    assert held["handle"] == handle
    assert {kind: check["state"] for kind, check in held["checks"].items()} == dict.fromkeys(
        ("nik", "email", "phone"), "verified"
    )
    assert [(made["kind"], made["tries"]) for made in held["challenges"]] == [("email", 0), ("phone", 1)]
    assert held["registry_verdict"]["state"] == "verified"
    assert held["owns_nik_since"]
    assert {item["handle"] for item in exported(stack, "--nik", person.nik)} == {handle, other}
    ids = [registration_id(handle), registration_id(other)]
    assert {"registrations", "challenges", "nik_owners"} <= (await rows_with(stack, ids[0])).keys()

    asked = subject(stack, "erase", "--nik", "-", *WHY, said=f"{person.nik}\n")
    assert (asked.returncode, "would be erased" in asked.stdout) == (2, True)
    assert stack.status(handle)["state"] == "complete"
    done = subject(stack, "erase", "--nik", person.nik, *WHY, "--yes")
    assert (done.returncode, done.stdout[:24]) == (0, "erased: 2 registrations,")
    assert person.name not in done.stdout + asked.stdout

    assert [await rows_with(stack, item) for item in ids] == [{"subject_actions": 4}, {"subject_actions": 3}]
    for word in (person.name, person.nik, person.email, person.phone[3:], handle):
        assert await rows_with(stack, word) == {}
    audit = [line for line in (await tables(stack))["subject_actions"] if ids[0] in line]
    assert [action for action in ("export", "preview", "erase") if any(action in line for line in audit)] == [
        *("export", "preview", "erase")
    ]
    assert all("tiket 4711" in line for line in audit)
    for gone in (handle, other):
        assert stack.call("GET", f"{API}/{gone}").status == 404
    assert gelombang("ledger", stack.directory).returncode == 0


async def test_erasing_again_finds_nothing(stack: Stack) -> None:
    """The command can be repeated at will; an erased person can register again."""
    person = someone()
    handle = stack.register(person).json["handle"]
    first, second = (subject(stack, "erase", "--handle", handle, *WHY, "--yes") for _ in range(2))

    assert (first.returncode, second.returncode, second.stdout) == (0, 0, "nothing is held about this person\n")
    assert exported(stack, "--handle", handle) == []
    again = stack.register(person)
    assert (again.status, again.json["handle"] != handle) == (202, True)


async def test_ids_that_are_still_in_the_streams_find_nothing(stack: Stack) -> None:
    """Work in hand ends quietly: no dead letter, no bug, no message to somebody who is no longer known."""
    people = [someone() for _ in range(6)]
    for person in people:
        handle = stack.register(person).json["handle"]
        assert subject(stack, "erase", "--handle", handle, *WHY, "--yes").returncode == 0
        assert stack.call("GET", f"{API}/{handle}").status == 404
    eventually(lambda: stack.register(someone()).status == 202)
    assert gelombang("ledger", stack.directory).returncode == 0
    for person in people:
        assert await rows_with(stack, person.nik) == {}


async def test_the_photo_is_in_the_export_and_gone_with_the_rest(stack: Stack) -> None:
    """The person gets the picture that is kept of them, which a browser opens; after the erasure nothing opens it."""
    handle = stack.register(someone()).json["handle"]
    sent = stack.call("PUT", f"{API}/{handle}/photo", body=with_everything(), headers={"Content-Type": "image/jpeg"})
    assert sent.status == 200, sent.body
    eventually(lambda: stack.status(handle)["checks"]["photo"]["state"] == "verified")
    (held,) = exported(stack, "--handle", handle)
    (photo,) = held["photos"]
    head, _, picture = photo["picture"].partition(",")
    assert (head, held["checks"]["photo"]["state"]) == ("data:image/jpeg;base64", "verified")
    with Image.open(io.BytesIO(base64.b64decode(picture))) as opened:
        assert (opened.format, opened.size) == ("JPEG", (900, 1_200))
    assert CANARY not in base64.b64decode(picture)

    item = registration_id(handle)
    assert {"photos", "photo_objects"} <= (await rows_with(stack, item)).keys()
    done = subject(stack, "erase", "--handle", handle, *WHY, "--yes")
    assert (done.returncode, "1 photo," in done.stdout) == (0, True)
    assert await rows_with(stack, item) == {"subject_actions": 2}


def test_a_photo_that_cannot_be_read_holds_up_nothing(stack: Stack) -> None:
    """Its object is lost: the rest is printed, and that is said."""
    handle = stack.register(someone()).json["handle"]
    assert (
        stack.call(
            "PUT", f"{API}/{handle}/photo", body=with_everything(), headers={"Content-Type": "image/jpeg"}
        ).status
        == 200
    )
    eventually(lambda: stack.status(handle)["checks"]["photo"]["state"] == "verified")
    elsewhere = {**ENVIRONMENT, "GELOMBANG_OBJECTS_URL": stack.directory.with_name("empty").as_uri()}
    line = [*command("subject", stack.directory)[:4], "export", "--handle", handle, *WHY]
    done = subprocess.run(  # noqa: S603 - our own command
        [*line, "--data-dir", str(stack.directory)], env=elsewhere, check=True, capture_output=True, text=True
    )
    (held,) = json.loads(done.stdout)["registrations"]
    assert held["photos"][0]["picture"] == {"unreadable": "its object is not in the object store"}


def test_an_export_to_a_file_is_private(stack: Stack) -> None:
    """Nobody else on the machine can read it."""
    handle = stack.register(someone()).json["handle"]
    out = stack.directory.with_name("export.json")
    done = subject(stack, "export", "--handle", handle, "--out", str(out), *WHY)

    assert (done.returncode, done.stdout) == (0, f"1 registrations written to {out}\n")
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text())["registrations"][0]["handle"] == handle


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --handle or --nik"),
        (("--handle", "x", "--nik", "y"), "either --handle or --nik"),
        (("--nik", "12"), "cannot be a NIK"),
        (("--handle", "A" * 40), "was not given out"),
    ],
)
def test_who_is_meant_must_be_clear(stack: Stack, arguments: tuple[str, ...], said: str) -> None:
    """One plain line, and nothing is touched."""
    done = subject(stack, "erase", *arguments, *WHY, "--yes")

    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr


def test_nothing_is_done_without_a_reason(stack: Stack) -> None:
    """The audit needs one."""
    handle = stack.register(someone()).json["handle"]

    assert subject(stack, "erase", "--handle", handle, "--yes").returncode == 2
    assert subject(stack, "export", "--handle", handle, "--reason", " ").returncode == 3
    assert stack.call("GET", f"{API}/{handle}").status == 200


def fields(person: Person) -> dict[str, Any]:
    """A person's fields."""
    return {name: getattr(person, name) for name in person.__struct_fields__}
