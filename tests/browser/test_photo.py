"""The selfie with KTP, sent from a phone: made small, going on after a lost connection, mended after a refusal."""

import pytest
from playwright.sync_api import Route

from simulators.people import Person
from tests.browser.conftest import Phone
from tests.photos import dark, jpeg, scene
from tests.stack import Stack

SEND = {"id": "Kirim foto", "en": "Send the photo"}
VERIFIED = {"id": "Terverifikasi", "en": "Verified"}
NOT_PASSED = {"id": "Tidak lolos", "en": "Not passed"}
TOO_DARK = {"id": "Foto Anda terlalu gelap", "en": "Your photo is too dark"}


def test_a_dark_photo_says_so_and_another_is_accepted(phone: Phone, stack: Stack, person: Person) -> None:
    """With and without JavaScript: a reason, the form again, and in the end the check is done."""
    language = phone.language
    handle = stack.register(person).json["handle"]
    phone.visit(f"/r/{handle}?lang={language}")
    choose_and_send(phone, dark())
    phone.reload_until("photo", NOT_PASSED[language])
    assert phone.says(TOO_DARK[language])
    phone.look("photo-dark")

    choose_and_send(phone, jpeg(scene()))
    phone.reload_until("photo", VERIFIED[language])
    phone.look("photo-verified")


def test_a_lost_connection_loses_no_part(phone: Phone, stack: Stack, person: Person) -> None:
    """The second part never leaves the phone at first: the page says so and goes on behind the first."""
    if not phone.script:
        pytest.skip("without JavaScript the browser sends the file whole")
    starts: list[str] = []

    def lose_the_second(route: Route) -> None:
        starts.append(route.request.headers["content-range"].partition("-")[0])
        if len(starts) == 2:
            route.abort()
        else:
            route.continue_()

    handle = stack.register(person).json["handle"]
    phone.visit(f"/r/{handle}?lang={phone.language}")
    phone.page.route("**/photo?*", lose_the_second)
    choose_and_send(phone, jpeg(scene(3_000, 2_250)))
    phone.reload_until("photo", VERIFIED[phone.language])
    assert starts[:3] == ["bytes 0", "bytes 65536", "bytes 65536"]
    phone.troubles = [trouble for trouble in phone.troubles if "ERR_FAILED" not in trouble]


def choose_and_send(phone: Phone, picture: bytes) -> None:
    """Choose a file and press the button; the status comes back by itself."""
    phone.page.locator("#photo").set_input_files({"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": picture})
    with phone.page.expect_navigation(url="**notice=photo_sent**"):
        phone.page.get_by_role("button", name=SEND[phone.language]).click()
