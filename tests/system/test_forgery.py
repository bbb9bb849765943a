"""No form of ours can be sent from another site: every form with every foreign sign, and nothing changes."""

import itertools
import re
import urllib.parse

import pytest

from tests.stack import Answer, Stack, eventually, someone, typed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ELSEWHERE = "https://elsewhere.example"
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": ELSEWHERE},
    {"Origin": "null"},
    {"Origin": ELSEWHERE, "Sec-Fetch-Site": "same-origin"},
)
BEHIND_A_HANDLE: tuple[tuple[str, dict[str, str]], ...] = (
    ("phone", {"code": "000000"}),
    ("phone-code", {}),
    ("email-link", {}),
    ("correction", {"name": "Orang Lain"}),
    ("photo", {}),
    ("test", {}),
    ("test/answer", {"q0": "1"}),
    ("join", {"wave": "1"}),
)


@pytest.fixture(scope="module")
def handle(stack: Stack) -> str:
    """A registration whose name was rejected, with link and code out."""
    person = someone()
    rejected = type(person)(
        **{name: getattr(person, name) for name in person.__struct_fields__ if name != "nik"},
        nik=person.nik[:12] + "9001",
    )
    made: str = stack.register(rejected).json["handle"]
    eventually(lambda: stack.status(made)["checks"]["nik"]["state"] == "rejected")
    eventually(lambda: {stack.status(made)["checks"][kind]["state"] for kind in ("email", "phone")} == {"sent"})
    return made


def send(stack: Stack, path: str, fields: dict[str, str], headers: dict[str, str]) -> Answer:
    return stack.call("POST", path, body=urllib.parse.urlencode(fields).encode(), headers={**FORM, **headers})


@pytest.mark.parametrize(
    ("form", "signs"), list(itertools.product(BEHIND_A_HANDLE, FOREIGN)), ids=lambda value: str(value)[:40]
)
def test_nothing_behind_a_handle_is_done_for_another_site(
    stack: Stack, handle: str, form: tuple[str, dict[str, str]], signs: dict[str, str]
) -> None:
    """Even by one who knows the handle: 403, and the registration stands as before."""
    before = stack.status(handle)
    assert send(stack, f"/r/{handle}/{form[0]}", form[1], signs).status == 403
    assert stack.status(handle) == before


@pytest.mark.parametrize("signs", FOREIGN, ids=str)
def test_the_registration_form_needs_both_signs(stack: Stack, signs: dict[str, str]) -> None:
    """With the visitor's own cookie and token, another site's form is refused; without either of them ours is too."""
    page = stack.call("GET", "/")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    tokens = dict(re.findall(r'name="(key|csrf)" value="([^"]*)"', page.body.decode()))
    fields = {**typed(someone()), **tokens}
    assert send(stack, "/", fields, {"Cookie": cookie, **signs}).status == 403
    assert send(stack, "/", fields, {}).status == 403
    assert send(stack, "/", {**fields, "csrf": ""}, {"Cookie": cookie}).status == 403
    refused = stack.call(
        "POST", "/", body=urllib.parse.urlencode(fields).encode(), headers={"Content-Type": "text/plain"}
    )
    assert refused.status == 400


def test_the_interface_takes_nothing_that_another_site_could_send_unasked(stack: Stack, handle: str) -> None:
    """The content types of plain forms are no JSON, and what is beyond them needs a permission that is never given."""
    for content_type in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        for method, path in (("POST", ""), ("PATCH", f"/{handle}"), ("POST", f"/{handle}/phone")):
            answer = stack.call(
                method,
                f"/api/v1/registrations{path}",
                body=b"{}",
                headers={"Content-Type": content_type, "Idempotency-Key": "forged-key", "Origin": ELSEWHERE},
            )
            assert answer.status == 415
    preflight = stack.call("OPTIONS", "/api/v1/registrations", headers={"Origin": ELSEWHERE})
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.lower().startswith("access-control-")]
