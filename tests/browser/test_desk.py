"""The call-centre page in a real browser: its own forms pass its own policy, and everybody can use it."""

from playwright.sync_api import expect

from simulators.people import Person
from tests.browser.conftest import Phone, accessible
from tests.stack import Stack, eventually


def test_staff_find_send_again_and_note(clever_phone: Phone, stack: Stack, person: Person) -> None:
    """From the blank form to the note, on a narrow screen; no receipt number comes into the address bar."""
    phone, desk = clever_phone, stack.endpoints["desk"]
    phone.may_visit.append(desk)
    handle = stack.register(person).json["handle"]
    eventually(lambda: bool(stack.links(person)) and stack.status(handle)["checks"]["email"]["state"] == "sent")
    assert phone.visit(desk) == 200
    for label, text in (("Nomor tanda terima", handle), ("Nama petugas", "Budi"), ("Alasan", "tiket 5")):
        phone.page.get_by_label(label).fill(text)
    phone.press("Lihat pendaftaran")
    phone.look("desk")
    assert accessible(phone) == []
    phone.press("Kirim e-mail lagi")
    expect(phone.page.get_by_role("status")).to_contain_text("Akan dikirim ulang")
    eventually(lambda: len(stack.links(person)) == 2)
    phone.page.get_by_label("Nama lengkap").check()
    phone.press("Catat")
    expect(phone.page.get_by_role("status")).to_have_text("Permintaan koreksi dicatat.")
    assert handle not in phone.page.url
