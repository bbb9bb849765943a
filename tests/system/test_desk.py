"""The call-centre page over HTTP: one registration by its receipt number, masked, and a line for every look and act."""

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from simulators.people import Person
from tests.stack import Answer, Stack, call, eventually, someone

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
)


class Office:
    """Somebody at the call centre, with a name that no other test uses."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.address = stack.endpoints["desk"]

    def post(self, path: str, handle: str, *, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """Send one of the page's forms."""
        return self.send(path, {"handle": handle, "actor": self.name, "reason": "tiket 12", **fields}, headers or {})

    def send(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a form as it is given."""
        body = urllib.parse.urlencode(fields).encode()
        return call("POST", self.address + path, body=body, headers={**FORM, **headers})

    async def lines(self) -> list[tuple[Any, ...]]:
        """What is written down of this person's acts."""
        connection = await asyncpg.connect(self.stack.endpoints["database_url"])
        try:
            rows = await connection.fetch(
                "select action, registration_id is not null, reason, about from subject_actions"
                " where actor = $1 order by id",
                self.name,
            )
            return [tuple(row) for row in rows]
        finally:
            await connection.close()


def waiting(stack: Stack) -> tuple[Person, str]:
    """Somebody whose link and code are out, with the handle."""
    person = someone()
    handle: str = stack.register(person).json["handle"]
    eventually(lambda: {stack.status(handle)["checks"][kind]["state"] for kind in ("email", "phone")} == {"sent"})
    eventually(lambda: stack.status(handle)["checks"]["nik"]["state"] == "verified")
    return person, handle


@pytest.fixture(scope="module")
def known(stack: Stack) -> tuple[Person, str]:
    """Somebody for the tests that change nothing of the checks."""
    return waiting(stack)


async def test_one_registration_is_found_masked_and_the_look_is_written_down(
    stack: Stack, known: tuple[Person, str]
) -> None:
    """By the number or by the whole address; states and history are there, and nothing that could be taken away."""
    person, handle = known
    office = Office(stack, "Petugas Lihat")
    pages = [office.post("", typed).body.decode() for typed in (handle, f" https://daftar.example/r/{handle}?lang=id ")]

    for page in pages:
        assert all(state in page for state in ("verified", "sent", "Tautan dan kode yang dikirim"))
        assert f"{person.nik[:6]}********{person.nik[-2:]}" in page
        assert f"{person.email[0]}***@{person.email.partition('@')[2]}" in page
        for hidden in (
            person.nik,
            person.email,
            person.phone[-8:],
            *person.name.split(),
            person.birth_date.isoformat(),
        ):
            assert hidden not in page
    assert "Petugas Lihat" in pages[1].partition("Riwayat")[2]  # the first look, in the history that the second shows
    assert await office.lines() == [("look", True, "tiket 12", [])] * 2


async def test_a_wrong_number_finds_nothing_with_one_message_and_is_written_down(
    stack: Stack, known: tuple[Person, str]
) -> None:
    """Malformed, forged, and genuine of another system: the same page, but for what was typed."""
    _, handle = known
    office = Office(stack, "Petugas Salah")
    forged = handle[:-1] + ("A" if handle[-1] != "A" else "B")
    wrong = ("3174014302900001", "Siti Rahayu", forged, "A" * 40)
    found = [office.post("", typed) for typed in wrong]

    assert {answer.status for answer in found} == {404}
    assert len({answer.body.decode().replace(typed, "") for answer, typed in zip(found, wrong, strict=True)}) == 1
    assert await office.lines() == [("look", False, "tiket 12", [])] * 4


@pytest.mark.parametrize("missing", ["handle", "actor", "reason"])
async def test_nothing_is_shown_to_who_does_not_say_who_and_why(
    stack: Stack, known: tuple[Person, str], missing: str
) -> None:
    """Neither to one who says it in signs that no line can hold."""
    _, handle = known
    office = Office(stack, "Petugas Bisu")
    for text in ("", "  ", "satu\0dua", "x" * 201)[: 2 if missing == "handle" else 4]:
        refused = office.send("", {"handle": handle, "actor": office.name, "reason": "tiket 12", missing: text}, {})
        assert refused.status == 422
        assert b"Riwayat" not in refused.body
    assert await office.lines() == []


async def test_the_mail_is_sent_again_once_and_not_beyond_the_applicants_own_limit(stack: Stack) -> None:
    """Three links an hour, whoever asks; each try is written down with what it was for."""
    person, handle = waiting(stack)
    office = Office(stack, "Petugas Kirim")
    first = stack.links(person)
    for sent in (2, 3):
        eventually(lambda: stack.status(handle)["checks"]["email"]["state"] == "sent")
        assert "Akan dikirim ulang" in office.post("/resend", handle, kind="email").body.decode()
        eventually(lambda: len(stack.links(person)) == sent)  # noqa: B023 - called at once
    eventually(lambda: stack.status(handle)["checks"]["email"]["state"] == "sent")
    limited = office.post("/resend", handle, kind="email")

    assert (limited.status, "batas per jam" in limited.body.decode()) == (429, True)
    assert len(set(stack.links(person))) == 3
    assert stack.links(person)[-1] == first[0]
    assert await office.lines() == [("resend", True, "tiket 12", ["email"])] * 3


async def test_what_does_not_wait_for_the_applicant_is_not_sent_again(stack: Stack) -> None:
    """And the page says so, instead of promising a code."""
    person, handle = waiting(stack)
    stack.confirm(person, handle)
    office = Office(stack, "Petugas Sia-sia")

    assert "Tidak dikirim" in office.post("/resend", handle, kind="phone").body.decode()
    assert len(stack.codes(person)) == 1
    assert office.post("/resend", handle, kind="nik").status == 400


async def test_a_correction_request_is_written_down_by_fields_without_values(
    stack: Stack, known: tuple[Person, str]
) -> None:
    """It stands in the history from then on; one without any field is no request."""
    _, handle = known
    office = Office(stack, "Petugas Catat")
    noted = office.post("/note", handle, correct_name="yes", correct_birth_date="yes").body.decode()
    empty = office.post("/note", handle).body.decode()

    assert "Permintaan koreksi dicatat" in noted
    assert "name, birth_date" in noted.partition("Riwayat")[2]
    assert "Tidak dicatat" in empty
    assert await office.lines() == [
        ("note", True, "tiket 12", ["name", "birth_date"]),
        ("look", True, "tiket 12", []),
    ]


@pytest.mark.parametrize("path", ["", "/resend", "/note"])
@pytest.mark.parametrize("signs", FOREIGN, ids=str)
async def test_no_other_site_can_send_its_forms(
    stack: Stack, known: tuple[Person, str], path: str, signs: dict[str, str]
) -> None:
    """Even one that knows a handle: nothing is done, shown or written down."""
    _, handle = known
    office = Office(stack, "Petugas Palsu")
    refused = office.post(path, handle, headers=signs, kind="email", correct_name="yes")

    assert refused.status == 403
    assert b"Riwayat" not in refused.body
    assert await office.lines() == []


def test_it_is_on_the_door_s_admin_port_only(stack: Stack) -> None:
    """Not on the public port, nor on a worker's."""
    ports = [*stack.endpoints["metrics"], f"{stack.endpoints['front_door']}/metrics"]
    found = [call("GET", address.replace("/metrics", "/desk")).status for address in ports]

    assert found == [200, 200] + [404] * (len(ports) - 2)


def test_its_pages_are_kept_nowhere_and_load_nothing_from_elsewhere(stack: Stack) -> None:
    """No store, no sniffing, no frame, no script; the stylesheet that the page names is there."""
    office = Office(stack, "Petugas Kepala")
    blank = call("GET", office.address)
    style = re.search(r'href="/desk([^"]+\.css)"', blank.body.decode())

    assert blank.headers["Cache-Control"] == "no-store"
    assert blank.headers["X-Content-Type-Options"] == "nosniff"
    policy = blank.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'self'; form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert style is not None
    assert call("GET", office.address + style[1]).headers.get_content_type() == "text/css"
