"""What every page owes its visitors: words for every dead end, both languages, and no trust in other sites."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from simulators.people import Person
from tests.browser.conftest import Phone, Phones
from tests.stack import Stack, typed

NOT_FOUND = {"id": "Tidak ditemukan", "en": "Not found"}
NOT_VALID = {"id": "Tautan tidak berlaku", "en": "The link is not valid"}
FORM = {"id": "Formulir pendaftaran", "en": "Registration form"}
OPEN_AGAIN = {"id": "Formulir perlu dibuka ulang", "en": "The form must be opened again"}


def test_nothing_there(phone: Phone) -> None:
    """Unknown, malformed and forged addresses get the same page, which leads on."""
    for path in ("/somewhere", "/assets/none.css", "/r/x", "/r/%00", f"/r/{'A' * 40}"):
        assert phone.visit(path) == 404
        assert phone.page.get_by_role("heading").inner_text() == NOT_FOUND[phone.language]
    phone.look("not-found")
    phone.press({"id": "Ke formulir pendaftaran", "en": "To the registration form"}[phone.language])
    assert phone.page.get_by_role("heading").inner_text() == FORM[phone.language]


def test_a_link_that_never_was(phone: Phone) -> None:
    """A cut-off or made-up mail link says that it is not valid, and sends nobody to register again."""
    for path in ("/email/x", f"/email/{'A' * 48}"):
        assert phone.visit(path) == 404
        assert phone.page.get_by_role("heading").inner_text() == NOT_VALID[phone.language]
    assert phone.page.get_by_role("main").get_by_role("link").count() == 0


def test_a_changed_handle_shows_nothing(simple_phone: Phone, person: Person) -> None:
    """One letter of a receipt's address changed leads nowhere."""
    phone = simple_phone
    phone.register(person)
    changed = ("A" if phone.handle[0] != "A" else "B") + phone.handle[1:]
    assert phone.visit(f"/r/{changed}") == 404


def test_the_other_language(phones: Phones, stack: Stack, person: Person) -> None:
    """One press changes the language of form, receipt and mail page, and it stays changed on the way."""
    phone = phones.new("id", script=False)
    phone.visit("/")
    phone.press("English")
    phone.language = "en"
    phone.look("form")
    phone.fill(person)
    phone.send()
    phone.look("fresh-receipt")
    phone.press("Bahasa Indonesia")
    phone.language = "id"
    phone.look("fresh-receipt")
    phone.reload_until("email", "Menunggu Anda")
    phone.visit(stack.links(person)[0])
    phone.press("English")
    phone.press("Yes, this is my e-mail")
    assert phone.says("Your e-mail is verified")


@pytest.fixture
def elsewhere() -> Iterator[http.server.ThreadingHTTPServer]:
    """Another site on this machine; a test sets the `page` that it shows."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    page = b""

    def do_GET(self) -> None:
        """Show the one page, whatever is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another-site", "another-port"])
def test_a_form_on_another_site(
    phones: Phones, stack: Stack, person: Person, elsewhere: http.server.ThreadingHTTPServer, *, host: str
) -> None:
    """Even with the visitor's own token, a form that another site sends is refused, and nothing is stored."""
    phone = phones.new("id", script=True)
    phone.visit("/")
    token = phone.page.locator("input[name=csrf]").input_value()
    key = phone.key
    visit_elsewhere(phone, elsewhere, host, form(phone.front_door, key=key, csrf=token, **typed(person)))
    assert phone.press("Win").status == 403
    assert phone.page.get_by_role("heading").inner_text() == OPEN_AGAIN["id"]
    phone.look("foreign-form")
    stored = stack.register(person, key=key)
    assert stored.status == 202
    assert "Idempotency-Replayed" not in stored.headers


def test_a_receipt_used_from_another_site(
    phones: Phones, person: Person, elsewhere: http.server.ThreadingHTTPServer
) -> None:
    """Whoever knows a receipt's address cannot have others ask for links in its name from another site."""
    phone = phones.new("en", script=True)
    phone.register(person)
    visit_elsewhere(phone, elsewhere, "localhost", form(f"{phone.front_door}/r/{phone.handle}/email-link"))
    assert phone.press("Win").status == 403
    assert phone.page.get_by_role("heading").inner_text() == OPEN_AGAIN["en"]


def visit_elsewhere(phone: Phone, server: http.server.ThreadingHTTPServer, host: str, page: str) -> None:
    """Open a page of another site."""
    address = f"http://{host}:{server.server_port}/"
    phone.may_visit.append(address)
    _Elsewhere.page = f"<!doctype html><link rel=icon href=data:,>{page}".encode()
    phone.page.goto(address)


def form(action: str, **fields: str) -> str:
    """A form that promises something else."""
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    return f'<form method="post" action="{action}">{inputs}<button>Win</button></form>'
