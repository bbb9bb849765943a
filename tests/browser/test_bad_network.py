"""The whole way of an applicant on slow 3G, with all that goes wrong there: in both languages, with JavaScript or not.

Each state leaves a picture, `way-…`, in `test-artifacts/browser`.
"""

import contextlib
import json

import msgspec
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Route

from ingest.pages import Pages
from simulators.people import Person
from tests.browser.conftest import Language, Phone, Phones
from tests.photos import jpeg, scene
from tests.stack import Stack, eventually, typed

API = "**/api/v1/registrations"
FORM = "**/?lang=*"
WORDS: dict[Language, dict[str, str]] = {
    "id": {
        "try now": "Coba sekarang",
        "send now": "Kirim sekarang",
        "offline": "Ponsel ini sedang tidak tersambung",
        "busy": "Situs sedang sangat ramai",
        "lost": "Sambungan terputus di tengah jalan",
        "not passed": "Tidak lolos",
        "waiting": "Menunggu Anda",
        "verified": "Terverifikasi",
        "complete": "Lengkap",
        "correct": "Kirim perbaikan",
        "corrected": "Perbaikan Anda sudah kami terima",
        "confirm": "Ya, ini e-mail saya",
        "confirmed": "E-mail Anda terverifikasi",
        "check": "Periksa kode",
        "code wrong": "Kode yang Anda masukkan tidak cocok.",
        "photo": "Kirim foto",
    },
    "en": {
        "try now": "Try now",
        "send now": "Send now",
        "offline": "This phone has no internet right now",
        "busy": "The site is very busy",
        "lost": "The connection broke off",
        "not passed": "Not passed",
        "waiting": "Waiting for you",
        "verified": "Verified",
        "complete": "Complete",
        "correct": "Send the correction",
        "corrected": "We have received your correction",
        "confirm": "Yes, this is my e-mail",
        "confirmed": "Your e-mail is verified",
        "check": "Check the code",
        "code wrong": "The code you entered does not match.",
        "photo": "Send the photo",
    },
}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("language", ["id", "en"])
def test_the_whole_way(phones: Phones, stack: Stack, person: Person, language: Language, *, script: bool) -> None:
    """A full door, slips, a lost network, a lost reply, a double tap: one registration, which ends complete."""
    phone = phones.new(language, script=script)
    words = WORDS[language]
    phone.on_slow_3g()
    get_through_the_full_door(phone, words)
    mistyped = msgspec.structs.replace(person, nik=person.nik[:12] + "9001")
    slip_and_mend(phone, mistyped)
    key = phone.key
    lost = (send_with_script if script else send_without_script)(phone, words)
    assert phone.handle == lost
    assert stack.register(mistyped, key=key).json["handle"] == lost
    look(phone, "receipt")

    correct_what_the_registry_rejects(phone, person, words)
    confirm_the_mail(phone, stack, person, words)
    type_the_code(phone, stack, person, words)
    send_a_photo(phone, words)
    phone.reload_until("overall", words["complete"])
    look(phone, "complete")


def get_through_the_full_door(phone: Phone, words: dict[str, str]) -> None:
    """The page that a CDN shows then, and its button."""
    page = Pages().waiting(phone.language)
    phone.page.route("**/", lambda route: route.fulfill(status=503, content_type="text/html", body=page), times=1)
    phone.visit("/")
    look(phone, "waiting")
    phone.press(words["try now"])
    look(phone, "form")


def slip_and_mend(phone: Phone, person: Person) -> None:
    """A digit of the NIK and one of the phone are missing; all is said at once, and nothing is lost."""
    slips = {"nik": person.nik[:-1], "phone": "0812"}
    phone.fill(person, **slips)
    phone.be_refused()
    assert phone.values() == typed(person) | slips
    look(phone, "mistyped")
    phone.fill(person)


def send_with_script(phone: Phone, words: dict[str, str]) -> str:
    """Two taps while there is no network, then a full door, then a lost reply; gives the handle in the lost reply."""
    keys, handles = [], []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=503, headers={"Retry-After": "1"}, content_type="application/problem+json", body="{}")

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        handles.append(json.loads(route.fetch().body())["handle"])
        route.abort("connectionreset")

    phone.lose_network()
    phone.page.locator("form button[type=submit]").last.dblclick()
    phone.page.get_by_text(words["offline"]).wait_for()
    look(phone, "offline")
    phone.page.route(API, lose, times=1)
    phone.page.route(API, refuse, times=1)  # the newest route is asked first
    phone.find_network()
    phone.page.get_by_text(words["busy"]).wait_for()
    look(phone, "busy")
    phone.page.get_by_role("button", name=words["send now"]).click()
    phone.page.get_by_text(words["lost"]).first.wait_for()
    look(phone, "lost")
    phone.page.get_by_role("button", name=words["send now"]).click()
    phone.page.wait_for_url("**/r/**")
    phone.troubles.clear()  # the browser's own words about the lost connection
    assert (len(keys), len(set(keys))) == (2, 1)
    return str(handles[0])


def send_without_script(phone: Phone, _words: dict[str, str]) -> str:
    """No network, then a lost reply; reloading sends the same form again. Gives the handle in the lost reply."""
    handles = []

    def lose(route: Route) -> None:
        location = route.fetch(max_redirects=0).headers["location"]
        handles.append(location.removeprefix("/r/").partition("?")[0])
        route.abort("connectionreset")

    send = phone.page.locator("form button[type=submit]").last
    phone.lose_network()
    send.click()
    phone.page.wait_for_url("chrome-error://**")
    phone.find_network()
    phone.page.route(FORM, lose, times=1)
    eventually(lambda: reloaded_to_receipt(phone))
    phone.troubles.clear()  # the browser's own page about the lost connection
    return str(handles[0])


def reloaded_to_receipt(phone: Phone) -> bool:
    """Reload, as a person does until there is something else than the browser's own page."""
    with contextlib.suppress(PlaywrightError):
        phone.page.reload()
    return "/r/" in phone.page.url


def correct_what_the_registry_rejects(phone: Phone, person: Person, words: dict[str, str]) -> None:
    """One field is mended; what is done stays done."""
    phone.reload_until("nik", words["not passed"])
    look(phone, "name-differs")
    phone.page.locator("#name").fill(person.name)
    phone.page.locator("#nik").fill(person.nik)
    assert phone.press(words["correct"]).status == 200
    assert phone.says(words["corrected"])
    look(phone, "corrected")
    phone.reload_until("nik", words["verified"])


def confirm_the_mail(phone: Phone, stack: Stack, person: Person, words: dict[str, str]) -> None:
    """Looking at the link changes nothing; its button does."""
    receipt = phone.handle
    eventually(lambda: bool(stack.links(person)))
    for _ in range(2):
        phone.visit(stack.links(person)[0])
    look(phone, "mail")
    phone.visit(f"/r/{receipt}?lang={phone.language}")
    phone.reload_until("email", words["waiting"])
    phone.visit(stack.links(person)[0])
    assert phone.press(words["confirm"]).status == 200
    assert phone.says(words["confirmed"])
    look(phone, "mail-done")
    phone.visit(f"/r/{receipt}?lang={phone.language}")
    assert phone.word("email") == words["verified"]


def type_the_code(phone: Phone, stack: Stack, person: Person, words: dict[str, str]) -> None:
    """A wrong one is said beside the field, the right one goes on."""
    phone.reload_until("phone", words["waiting"])
    code = stack.codes(person)[0]
    phone.page.locator("#code").fill(f"{(int(code) + 1) % 1_000_000:06}")
    assert phone.press(words["check"]).status == 422
    assert words["code wrong"] in phone.page.locator("#code-problem").inner_text()
    assert phone.focused == "code"
    look(phone, "code-wrong")
    phone.page.locator("#code").fill(code)
    assert phone.press(words["check"]).status == 200
    look(phone, "code-right")


def send_a_photo(phone: Phone, words: dict[str, str]) -> None:
    """It takes a while on such a line, and arrives."""
    picture = jpeg(scene(800, 600))
    phone.page.locator("#photo").set_input_files({"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": picture})
    with phone.page.expect_navigation(url="**notice=photo_sent**"):
        phone.page.get_by_role("button", name=words["photo"]).click()
    look(phone, "photo-sent")
    phone.reload_until("photo", words["verified"])
    look(phone, "photo-verified")


def look(phone: Phone, state: str) -> None:
    """As every page is looked at, with a picture of this state."""
    phone.look(f"way-{state}-{'script' if phone.script else 'plain'}")
