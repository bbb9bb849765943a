"""The contract of the front door, over HTTP against a running system."""

import json
import re
import secrets
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.stack import API, Answer, Stack, eventually, gelombang, someone

JSON = {"Content-Type": "application/json"}


def keyed(**headers: str) -> dict[str, str]:
    return {**JSON, "Idempotency-Key": secrets.token_hex(16), **headers}


def post(stack: Stack, body: Any, **headers: str) -> Answer:  # noqa: ANN401 - anything can be posted
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return stack.call("POST", API, body=sent, headers=keyed(**headers))


def test_a_registration_goes_all_the_way(stack: Stack) -> None:
    """Committed, verified by the registry, mailed, texted, confirmed: complete."""
    person = someone()
    receipt = stack.register(person)
    assert receipt.status == 202
    assert receipt.json.keys() == {"handle", "status_url", "received_at"}
    handle = receipt.json["handle"]
    assert receipt.json["status_url"].endswith(f"{API}/{handle}")
    eventually(lambda: stack.status(handle)["checks"]["nik"]["state"] == "verified")
    stack.confirm(person, handle)
    status = stack.status(handle)
    assert status["state"] == "complete"
    assert {check["state"] for check in status["checks"].values()} == {"verified"}


def test_the_same_post_gives_the_same_bytes(stack: Stack) -> None:
    """A replay is byte-identical and says so; the key with other content is refused."""
    person, key = someone(), secrets.token_hex(16)
    first, again = stack.register(person, key=key), stack.register(person, key=key)
    assert (first.status, first.headers["Idempotency-Replayed"]) == (202, None)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.body == first.body
    other = stack.register(someone(), key=key)
    assert (other.status, other.json["code"]) == (422, "key_reused")


def test_a_hundred_at_once_are_one_registration(stack: Stack) -> None:
    """However the identical posts meet, there is one row and one receipt."""
    person, key = someone(), secrets.token_hex(16)
    before = _accepted(stack)
    with ThreadPoolExecutor(100) as threads:
        found = list(threads.map(lambda _: stack.register(person, key=key), range(100)))
    assert {answer.status for answer in found} <= {202, 409}
    assert len({answer.body for answer in found if answer.status == 202}) == 1
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in found if answer.status == 409)
    assert _accepted(stack) == before + 1


def test_two_people_with_one_nik(stack: Stack) -> None:
    """Both are accepted alike; the first who is verified throughout owns the NIK, the other is told so at the end."""
    person = someone()
    rival = someone(nik=person.nik, name=person.name, birth_place=person.birth_place)
    rival = type(rival)(**{**{f: getattr(rival, f) for f in rival.__struct_fields__}, "birth_date": person.birth_date})
    first, second = stack.register(person), stack.register(rival)
    assert first.status == second.status == 202
    assert len(first.body) == len(second.body)
    for who, answer in ((person, first), (rival, second)):
        handle = answer.json["handle"]
        eventually(lambda handle=handle: stack.status(handle)["checks"]["nik"]["state"] == "verified")  # type: ignore[misc]
        stack.confirm(who, handle)
    assert stack.status(first.json["handle"])["state"] == "complete"
    lost = stack.status(second.json["handle"])
    assert (lost["state"], lost["checks"]["nik"]["reason"]) == ("rejected", "nik_already_registered")


@pytest.mark.parametrize("language", ["id", "en"])
def test_all_wrong_fields_are_named_at_once(stack: Stack, language: str) -> None:
    """One answer names every field, in the reader's language, with language-free codes."""
    wrong = {"name": "4", "birth_place": "", "birth_date": "2020-13-01", "nik": "12", "email": "a", "phone": "021"}
    answer = post(stack, wrong, **{"Accept-Language": language})
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("name", "name_format"),
        ("birth_place", "required"),
        ("birth_date", "birth_date_format"),
        ("nik", "nik_format"),
        ("email", "email_format"),
        ("phone", "phone_format"),
    ]
    assert answer.headers["Content-Language"] == language


def test_what_the_nik_contradicts_can_be_confirmed(stack: Stack) -> None:
    """Another birth date than the NIK says, and a region that no list has, need a second look only."""
    person = someone()
    person = type(person)(
        **{
            **{f: getattr(person, f) for f in person.__struct_fields__},
            "nik": f"9999{person.nik[4:8]}01{person.nik[10:]}",
        }
    )
    refused = stack.register(person)
    assert refused.status == 422
    codes = {error["code"] for error in refused.json["errors"]}
    assert "nik_unknown_region" in codes
    assert codes <= {"nik_unknown_region", "nik_birth_date_mismatch"}
    assert stack.register(person, confirm=tuple(codes)).status == 202


BAD_BODIES = [
    (b"", 400, "json_malformed"),
    (b"{", 400, "json_malformed"),
    (b"[]", 400, "json_malformed"),
    (b'"x"', 400, "json_malformed"),
    (b"null", 400, "json_malformed"),
    (b"\xff\xfe", 400, "json_malformed"),
    (b'{"name": "\xed\xa0\x80"}', 400, "json_malformed"),
    (b"[" * 5_000, 400, "json_malformed"),
    (b'{"name": 1, "nik": null, "confirm": "x"}', 422, "fields_wrong"),
    (b"{}", 422, "fields_wrong"),
    (b" " * 16_385, 413, "body_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_bad_body_has_a_clear_answer(stack: Stack, body: bytes, status: int, code: str) -> None:
    """Whatever is sent in place of a submission, the answer says what is wrong and nothing is stored."""
    before = _accepted(stack)
    answer = post(stack, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert _accepted(stack) == before


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (JSON, 400, "idempotency_key_missing"),
        ({**JSON, "Idempotency-Key": "short"}, 400, "idempotency_key_format"),
        ({**JSON, "Idempotency-Key": "x" * 129}, 400, "idempotency_key_format"),
        ({**JSON, "Idempotency-Key": "with space inside"}, 400, "idempotency_key_format"),
        ({**JSON, "Idempotency-Key": "kunci-ñ-tidak-ascii"}, 400, "idempotency_key_format"),
        ({"Content-Type": "text/plain", "Idempotency-Key": "12345678"}, 415, "not_json"),
        ({"Content-Type": "multipart/form-data", "Idempotency-Key": "12345678"}, 415, "not_json"),
    ],
)
def test_a_bad_header_has_a_clear_answer(stack: Stack, headers: dict[str, str], status: int, code: str) -> None:
    """Key and content type are asked for before the body is read."""
    answer = stack.call("POST", API, body=b"{}", headers=headers)
    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.mark.parametrize("handle", ["x", "A" * 40, "%00" * 40, "../../etc/passwd", "é" * 20])
def test_a_forged_handle_is_the_same_404(stack: Stack, handle: str) -> None:
    """Nothing tells a malformed, a forged and an unknown handle apart."""
    expected = stack.call("GET", f"{API}/{'B' * 40}")
    answer = stack.call("GET", f"{API}/{_quoted(handle)}")
    assert (answer.status, answer.body) == (404, expected.body)


@pytest.mark.parametrize("token", ["x", "A" * 68, "%0d%0aX-Evil: 1"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_forged_link_is_a_404_page(stack: Stack, method: str, token: str) -> None:
    """A link that was not made here is told as no longer valid."""
    answer = stack.call(method, f"/email/{_quoted(token)}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_looking_at_a_link_does_not_use_it_up(stack: Stack) -> None:
    """Mail scanners follow links: only POST counts, and it counts once."""
    person = someone()
    handle = stack.register(person).json["handle"]
    eventually(lambda: bool(stack.links(person)))
    (link,) = stack.links(person)
    for method in ("GET", "HEAD", "GET"):
        assert stack.call(method, link).status == 200
    assert stack.status(handle)["checks"]["email"]["state"] == "sent"
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: stack.call("POST", link).status, range(20)))
    assert set(statuses) == {200}
    assert stack.status(handle)["checks"]["email"]["state"] == "verified"


def test_a_code_can_be_guessed_five_times_and_sent_three_times(stack: Stack) -> None:
    """Wrong codes are counted however many come at once; a new code gives new tries, up to three codes an hour."""
    person = someone()
    handle = stack.register(person).json["handle"]
    for sent in (1, 2, 3):
        eventually(lambda sent=sent: len(stack.codes(person)) == sent)  # type: ignore[misc]
        eventually(lambda: stack.status(handle)["checks"]["phone"]["state"] == "sent")
        wrong = f"{(int(stack.codes(person)[0]) + 1) % 1_000_000:06}"
        with ThreadPoolExecutor(40) as threads:
            found = list(threads.map(lambda _, code=wrong: _type_code(stack, handle, code), range(40)))
        assert sorted(answer.json["code"] for answer in found) == ["code_tries_used_up"] * 35 + ["code_wrong"] * 5
        assert _type_code(stack, handle, stack.codes(person)[0]).json["code"] == "code_tries_used_up"
        if sent < 3:
            assert stack.call("POST", f"{API}/{handle}/phone-code").status == 200
    again = stack.call("POST", f"{API}/{handle}/phone-code")
    assert (again.status, again.json["code"]) == (429, "code_limit")
    assert int(again.headers["Retry-After"]) >= 3_600


def test_status_is_served_from_the_etag(stack: Stack) -> None:
    """Who has the newest status is told so without a body."""
    person = someone()
    handle = stack.register(person).json["handle"]
    eventually(lambda: stack.status(handle)["checks"]["phone"]["state"] == "sent")
    eventually(lambda: stack.status(handle)["checks"]["email"]["state"] == "sent")
    eventually(lambda: stack.status(handle)["checks"]["nik"]["state"] == "verified")
    first = stack.call("GET", f"{API}/{handle}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = stack.call("GET", f"{API}/{handle}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/nowhere", API, f"{API}/x", "/r/x", "/email/x", "/assets/x"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_every_answer_has_the_security_headers(stack: Stack, method: str, path: str) -> None:
    """Errors included, and no answer names the program's parts."""
    answer = stack.call(method, path)
    assert answer.status < 500
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "gelombang"
    assert b"Traceback" not in answer.body


def test_malformed_http_is_refused_and_the_door_stays_open(stack: Stack) -> None:
    """Bytes that are no HTTP, bad chunks and contradicting lengths get a 400 and harm nobody."""
    address = urlsplit(stack.endpoints["front_door"])
    for junk in (
        b"\x00\x01\x02\r\n\r\n",
        b"POST /api/v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /api/v1/registrations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
    ):
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
            connection.sendall(junk)
            assert b" 400 " in connection.recv(65_536).partition(b"\r\n")[0]
    assert stack.call("GET", "/").status == 200


def test_requests_sent_in_one_go_are_answered_one_after_another(stack: Stack) -> None:
    """Each gets its answer, in order; who then wants to go on in another protocol gets an answer and the end."""
    address = urlsplit(stack.endpoints["front_door"])
    heads = (
        "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST {API} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        f"GET {API}/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall("".join(heads).encode())
        with connection.makefile("rb") as answers:
            received = answers.read()  # to the end: the server closes
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"404", b"400", b"404", b"200"]
    assert received.count(b"Connection: close") == 1


def test_the_books_balance(stack: Stack) -> None:
    """Whatever the other tests did, every check accounts for every registration."""
    done = gelombang("ledger", stack.directory)
    assert done.returncode == 0, done.stdout
    assert "The books balance." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest"], "GELOMBANG_DATABASE_URL is not set"),
        (["gelombang", "ingest"], "GELOMBANG_DATABASE_URL is not set"),
        (["gelombang", "worker", "nik"], "GELOMBANG_KEYS is not set"),
        (["gelombang", "worker", "nothing"], "Invalid value"),
        (["verify_workers", "nothing"], "usage:"),
    ],
)
def test_a_process_without_settings_says_what_is_missing(arguments: list[str], said: str) -> None:
    """One plain line, not a traceback."""
    line = [sys.executable, "-m", *arguments]
    done = subprocess.run(line, env={}, check=False, capture_output=True, text=True)  # noqa: S603 - our own program
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def _type_code(stack: Stack, handle: str, code: str) -> Answer:
    return stack.call("POST", f"{API}/{handle}/phone", body=json.dumps({"code": code}).encode(), headers=JSON)


def _accepted(stack: Stack) -> int:
    books = json.loads(gelombang("ledger", stack.directory, "--json").stdout)
    return int(books["accepted"])


def _quoted(text: str) -> str:
    return "".join(
        f"%{byte:02X}" if byte > 126 or byte < 33 or chr(byte) == "/" else chr(byte) for byte in text.encode()
    )
