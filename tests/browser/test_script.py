"""What the form's script adds on a bad network: checks while typing, a draft, sending that does not give up."""

import json

from playwright.sync_api import Route, expect

from simulators.people import Person
from tests.browser.conftest import Phone, Phones
from tests.stack import Stack, typed

API = "**/api/v1/registrations"
BUSY = "Situs sedang sangat ramai. Anda tidak perlu mengisi ulang"
LOST = "Anda tidak perlu mengisi ulang"


def test_what_the_nik_says_while_it_is_typed(clever_phone: Phone, person: Person) -> None:
    """Digits are counted; a whole NIK is read aloud in words, the place of issue too; a typing slip is told at once."""
    phone = clever_phone
    phone.visit("/")
    phone.page.locator("#birth_date").fill("1990-02-03")
    nik = phone.page.locator("#nik")
    nik.press_sequentially("617101430290")
    said = phone.page.locator("#nik-live")
    expect(said).to_have_text("12 dari 16 angka")
    nik.press_sequentially("0001")
    expect(said).to_have_text("NIK Anda menyatakan: lahir 3 Februari 1990, perempuan, Kota Pontianak.")
    phone.look("nik-says")
    nik.fill("9999014302900001")
    nik.blur()
    expect(phone.page.locator("#nik-problem")).to_contain_text("Kode wilayah di awal NIK tidak kami kenal.")
    nik.fill(person.nik)
    expect(phone.page.locator("#nik-problem")).to_contain_text("Tanggal lahir di NIK berbeda")
    phone.page.locator("#birth_date").fill(person.birth_date.isoformat())
    phone.page.locator("#birth_date").blur()
    expect(phone.page.locator("#nik-problem")).to_have_count(0)
    expect(phone.page.get_by_role("checkbox")).to_have_count(0)


def test_a_mistyped_mail_domain_is_offered_right(phone: Phone, person: Person) -> None:
    """One tap takes what was meant; nobody is held up who meant what they wrote."""
    phone.visit("/")
    phone.fill(person, email="siti@gmial.com")
    if phone.script:
        phone.tap_send()
    else:
        phone.be_refused()
    use = phone.page.get_by_role(
        "button", name={"id": "Pakai siti@gmail.com", "en": "Use siti@gmail.com"}[phone.language]
    )
    expect(use).to_be_visible()
    phone.look("mail-meant")
    if phone.script:
        use.click()
        expect(phone.page.locator("#email")).to_have_value("siti@gmail.com")
    phone.arrive()


def test_the_draft_outlives_the_page_and_goes_with_the_receipt(
    clever_phone: Phone, stack: Stack, person: Person
) -> None:
    """A phone that ran empty loses nothing, not even the key; after the receipt nothing personal is left on it."""
    phone = clever_phone
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    phone.visit("/?lang=id")
    assert phone.values() == typed(person)
    assert phone.key == key
    assert phone.says("sudah kami kembalikan")
    phone.look("draft-back")
    phone.arrive()
    stored = phone.page.evaluate("JSON.stringify(localStorage)")
    assert not [value for value in typed(person).values() if value in stored]

    receipt = phone.handle
    phone.visit("/")
    assert phone.key != key
    assert set(phone.values().values()) == {""}
    phone.page.get_by_role("link", name="Lihat tanda terima dan statusnya").click()
    phone.page.wait_for_url("**/r/**")
    assert phone.handle == receipt
    assert json.loads(stack.register(person, key=key).body)["handle"] == receipt


def test_on_a_shared_phone_the_draft_and_the_receipt_are_forgotten(clever_phone: Phone, person: Person) -> None:
    """One press each, and the next person sees a blank form."""
    phone = clever_phone
    phone.apply(person)
    phone.page.get_by_role("button", name="Lupakan di ponsel ini").click()
    phone.visit("/")
    assert phone.page.locator("#earlier").is_hidden()
    phone.fill(person)
    phone.press("Hapus isian")
    assert set(phone.values().values()) == {""}
    assert phone.page.evaluate("localStorage.length") == 0


def test_a_full_door_is_tried_again_by_itself(clever_phone: Phone, stack: Stack, person: Person) -> None:
    """503 is told without blame, nothing is typed again, and the same key arrives in the end."""
    phone = clever_phone
    keys = []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=503, headers={"Retry-After": "1"}, content_type="application/problem+json", body="{}")

    phone.page.route(API, refuse, times=2)
    phone.visit("/")
    phone.fill(person)
    phone.tap_send()
    phone.page.get_by_text(BUSY).wait_for()
    phone.look("busy")
    phone.page.get_by_role("button", name="Kirim sekarang").click()
    phone.page.wait_for_url("**/r/**")
    assert len(set(keys)) == 1
    assert stack.register(person, key=keys[0]).json["handle"] == phone.handle


def test_the_network_is_lost_in_mid_send(clever_phone: Phone, person: Person) -> None:
    """The phone says that it is offline, keeps everything, and sends when it is online again."""
    phone = clever_phone
    phone.visit("/")
    phone.fill(person)
    phone.context.set_offline(True)
    phone.tap_send()
    phone.page.get_by_text("Ponsel ini sedang tidak tersambung").wait_for()
    assert phone.values() == typed(person)
    phone.look("offline")
    phone.context.set_offline(False)
    phone.page.wait_for_url("**/r/**")
    phone.troubles.clear()  # the browser's own words about the lost connection


def test_a_lost_reply_leads_to_the_same_receipt(clever_phone: Phone, stack: Stack, person: Person) -> None:
    """Stored, but the answer never came: the retry brings the receipt of the first."""
    phone = clever_phone
    handles = []

    def lose(route: Route) -> None:
        handles.append(json.loads(route.fetch().body())["handle"])
        route.abort("connectionreset")

    phone.page.route(API, lose, times=1)
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    phone.tap_send()
    phone.page.get_by_text(LOST).first.wait_for()
    phone.page.get_by_role("button", name="Kirim sekarang").click()
    phone.page.wait_for_url("**/r/**")
    phone.troubles.clear()  # the browser's own words about the lost connection
    assert [phone.handle] == handles
    assert stack.register(person, key=key).json["handle"] == phone.handle


def test_a_double_tap_sends_once(clever_phone: Phone, person: Person) -> None:
    """Two taps, one request."""
    phone = clever_phone
    sent = []
    phone.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    phone.visit("/")
    phone.fill(person)
    phone.page.get_by_role("button", name="Kirim", exact=True).dblclick()
    phone.page.wait_for_url("**/r/**")
    assert len(sent) == 1


def test_no_error_is_blank(clever_phone: Phone, person: Person) -> None:
    """Whatever the answer is, the person is told what to do, and the form stays."""
    phone = clever_phone
    phone.page.route(API, lambda route: route.fulfill(status=418, body="{}"), times=1)
    phone.visit("/")
    phone.fill(person)
    phone.tap_send()
    phone.page.get_by_text("Isian Anda tetap ada; silakan tekan Kirim lagi.").wait_for()
    assert phone.values() == typed(person)
    phone.arrive()


def test_a_form_that_was_sent_with_other_data_can_be_sent_anew(
    clever_phone: Phone, stack: Stack, person: Person
) -> None:
    """Stored, answer lost, changed, sent again: it is said, and one press makes it a registration of its own."""
    phone = clever_phone
    phone.visit("/")
    stack.register(person, key=phone.key)
    phone.fill(person, name="Orang Lain")
    phone.tap_send()
    phone.page.get_by_role("button", name="Kirim sebagai pendaftaran baru").click()
    phone.page.wait_for_url("**/r/**")


def test_without_storage_the_form_still_works(phones: Phones, person: Person) -> None:
    """Private windows and full phones have no storage."""
    phone = phones.new("id", script=True)
    phone.context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('none'); }})")
    phone.apply(person)
