"""What goes wrong with the checks, as an applicant sees it. The whole way is in test_bad_network.py."""

from simulators.people import Person
from tests.browser.conftest import Phone
from tests.stack import Stack, eventually

VERIFIED = {"id": "Terverifikasi", "en": "Verified"}
WAITING = {"id": "Menunggu Anda", "en": "Waiting for you"}
NOT_PASSED = {"id": "Tidak lolos", "en": "Not passed"}
COMPLETE = {"id": "Lengkap", "en": "Complete"}
CONFIRM_EMAIL = {"id": "Ya, ini e-mail saya", "en": "Yes, this is my e-mail"}
EMAIL_DONE = {"id": "E-mail Anda terverifikasi", "en": "Your e-mail is verified"}
CHECK_CODE = {"id": "Periksa kode", "en": "Check the code"}


def test_a_new_link_and_a_new_code(phone: Phone, stack: Stack, person: Person) -> None:
    """Asking again is confirmed; only the newest link and code work, and the old link says what to do."""
    language = phone.language
    phone.register(person)
    receipt = phone.handle
    phone.reload_until("email", WAITING[language])
    phone.reload_until("phone", WAITING[language])
    old_link, old_code = stack.links(person)[0], stack.codes(person)[0]

    phone.press({"id": "Kirim lagi tautannya", "en": "Send the link again"}[language])
    assert phone.says({"id": "Tautan baru segera kami kirim.", "en": "We are sending a new link."}[language])
    phone.look("link-sent")
    phone.press({"id": "Kirim kode baru", "en": "Send a new code"}[language])
    assert phone.says({"id": "Kode yang lama tidak berlaku lagi.", "en": "The old code is no longer valid."}[language])
    eventually(lambda: len(stack.links(person)) == 2 and len(stack.codes(person)) == 2)
    phone.reload_until("email", WAITING[language])
    phone.reload_until("phone", WAITING[language])

    assert phone.visit(old_link) == 404
    assert phone.says({"id": "Tautan tidak berlaku", "en": "The link is not valid"}[language])
    phone.look("old-link")
    phone.visit(stack.links(person)[0])
    phone.press(CONFIRM_EMAIL[language])
    assert phone.says(EMAIL_DONE[language])

    phone.visit(f"/r/{receipt}")
    new_code = stack.codes(person)[0]
    if new_code != old_code:  # one time in a million they are the same
        phone.page.locator("#code").fill(old_code)
        assert phone.press(CHECK_CODE[language]).status == 422
    phone.page.locator("#code").fill(new_code)
    phone.press(CHECK_CODE[language])
    phone.reload_until("overall", COMPLETE[language])


def test_links_and_codes_have_a_limit(simple_phone: Phone, person: Person) -> None:
    """Who has asked too often is told so on the receipt itself, where the code can still be typed."""
    phone = simple_phone
    phone.register(person)
    for status in (200, 200, 429):
        phone.reload_until("phone", WAITING["id"])
        assert phone.press("Kirim kode baru").status == status
    assert phone.says("Kami mengirim paling banyak 3 kode dalam satu jam.")
    assert phone.page.locator("#code").is_visible()
    phone.look("code-limit")


def test_a_name_that_differs_is_told_in_words(phone: Phone, person: Person) -> None:
    """The registry's "no" says what differs and what the applicant can do."""
    phone.register(person, nik=person.nik[:12] + "9001")
    phone.reload_until("nik", NOT_PASSED[phone.language])
    said = phone.check("nik").inner_text()
    assert {"id": "Nama yang Anda isi berbeda", "en": "The name you gave differs"}[phone.language] in said
    assert {"id": "Tulis nama yang sama persis", "en": "Write your name exactly"}[phone.language] in said
    assert {"id": "Belum dapat dilanjutkan", "en": "Cannot go on yet"}[phone.language] == phone.word("overall")
    phone.look("name-differs")


def test_one_field_is_corrected_and_only_that_is_checked_again(phone: Phone, person: Person) -> None:
    """Mistyped once more, it is said beside the field; mended, the check goes on and the others stay as they were."""
    language = phone.language
    mistyped = person.nik[:12] + "9001"
    phone.register(person, nik=mistyped)
    phone.reload_until("nik", NOT_PASSED[language])
    phone.reload_until("email", WAITING[language])
    send = {"id": "Kirim perbaikan", "en": "Send the correction"}[language]

    assert phone.press(send).status == 422
    phone.page.locator("#name").fill("R2-D2")
    assert phone.press(send).status == 422
    assert phone.page.locator("#name").input_value() == "R2-D2"
    assert phone.focused == "name"
    phone.look("correction-wrong")

    phone.page.locator("#name").fill(person.name)
    phone.page.locator("#nik").fill(person.nik)
    assert phone.press(send).status == 200
    assert phone.says({"id": "Perbaikan Anda sudah kami terima", "en": "We have received your correction"}[language])
    phone.look("corrected")
    phone.reload_until("nik", VERIFIED[language])
    assert phone.word("email") == WAITING[language]


def test_a_corrected_address_gets_a_new_link(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """A mailbox that refused is replaced, and the link goes to the new one."""
    phone = simple_phone
    phone.register(person, email=f"{person.email.partition('@')[0]}@bounce.example")
    phone.reload_until("email", NOT_PASSED["id"])
    phone.page.locator("#email").fill(person.email)
    assert phone.press("Kirim perbaikan").status == 200
    phone.reload_until("email", WAITING["id"])
    phone.visit(stack.links(person)[0])
    phone.press(CONFIRM_EMAIL["id"])
    assert phone.says(EMAIL_DONE["id"])


def test_a_mailbox_that_refuses_is_told_in_words(simple_phone: Phone, person: Person) -> None:
    """A mistyped address is the applicant's to mend, and the page says so before everything else."""
    phone = simple_phone
    phone.register(person, email=f"{person.email.partition('@')[0]}@bounce.example")
    phone.reload_until("email", NOT_PASSED["id"])
    assert phone.page.locator("h2").nth(1).get_attribute("id") == "email-title"
    assert "E-mail kami ditolak" in phone.check("email").inner_text()
    phone.look("mail-refused")
