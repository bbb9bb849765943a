"""The form, as careful, careless and impatient applicants use it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
from playwright.sync_api import Route

from simulators.people import Person
from tests.browser.conftest import DEADLINE_SECONDS, Phone
from tests.stack import Stack, typed

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
WRONG = {
    "name": "R2-D2",
    "birth_place": "???",
    "birth_date": "2020-02-03",
    "nik": "3174 0000",
    "email": "siti at contoh",
    "phone": "021 555",
}
MESSAGES = {
    "id": {
        "name": "Tulis nama lengkap dengan huruf",
        "birth_place": "Tulis nama kota atau kabupaten",
        "birth_date": "Pendaftaran ini untuk usia 18 tahun ke atas.",
        "nik": "NIK terdiri dari 16 angka.",
        "email": "Alamat e-mail belum benar.",
        "phone": "Nomor belum benar.",
    },
    "en": {
        "name": "Write your full name in letters",
        "birth_place": "Write the city or regency",
        "birth_date": "Registration is for people aged 18 or over.",
        "nik": "A NIK has 16 digits.",
        "email": "The e-mail address is not right yet.",
        "phone": "The number is not right yet.",
    },
}


def test_everything_wrong_at_once(phone: Phone, person: Person) -> None:
    """All messages come together, nothing typed is lost, and the way to each field is short."""
    phone.visit("/")
    phone.look("form")
    phone.fill(person, **WRONG)
    phone.be_refused()
    phone.look("form-wrong")

    assert phone.values() == WRONG
    assert phone.focused == "name"
    for field, message in MESSAGES[phone.language].items():
        assert message in phone.page.locator(f"#{field}-problem").inner_text()
    if not phone.script:  # the script leads from one field to the next by itself
        lines = phone.page.locator(".summary li").all_inner_texts()
        assert all(said in line for said, line in zip(MESSAGES[phone.language].values(), lines, strict=True))
        for field in WRONG:
            phone.page.locator(f".summary a[href='#{field}']").click()
            assert phone.focused == field
            assert is_in_view(phone, field)

    phone.fill(person)
    phone.arrive()


def test_an_empty_form(phone: Phone) -> None:
    """Pressing Send too early is answered in our words and language, not the browser's."""
    phone.visit("/")
    phone.be_refused()
    empty = {"id": "Bagian ini masih kosong.", "en": "This is still empty."}[phone.language]
    assert phone.page.locator(".problem").all_inner_texts() == [
        f"{empty} " + {"id": "Silakan diisi.", "en": "Please fill it in."}[phone.language]
    ] * len(WRONG)


def test_a_nik_with_another_birth_date(phone: Phone, person: Person) -> None:
    """What the NIK says is told in words; who confirms it is let through."""
    phone.visit("/")
    other = person.birth_date - timedelta(days=1)
    phone.fill(person, birth_date=other.isoformat())
    phone.be_refused()
    phone.look("confirm")

    said = phone.page.locator("#nik-live" if phone.script else "#nik-says").inner_text()
    date = person.birth_date
    assert f"{date.day} {MONTHS[phone.language].split()[date.month - 1]} {date.year}" in said
    assert phone.values()["birth_date"] == other.isoformat()
    assert phone.focused == "nik"
    phone.page.get_by_role("checkbox").check()
    phone.arrive()


def test_a_confirmation_outlives_another_mistake(simple_phone: Phone, person: Person) -> None:
    """A tick stays ticked while something else is mended."""
    phone = simple_phone
    phone.visit("/")
    other = person.birth_date - timedelta(days=1)
    phone.fill(person, birth_date=other.isoformat())
    phone.send()
    phone.page.get_by_role("checkbox").check()
    phone.page.locator("#phone").fill("021 555")
    assert phone.send().status == 422
    assert phone.page.get_by_role("checkbox").is_checked()
    phone.page.locator("#phone").fill(person.phone)
    assert phone.send().status == 200


def test_numbers_as_people_write_them(simple_phone: Phone, person: Person) -> None:
    """Spaces in the NIK and a local phone number are understood."""
    phone = simple_phone
    spaced = " ".join((person.nik[:6], person.nik[6:12], person.nik[12:]))
    phone.apply(person, nik=spaced, phone="0" + person.phone.removeprefix("+62"))
    assert phone.handle


def test_pressing_send_twice(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """An impatient thumb makes one registration, not two."""
    phone = simple_phone
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    phone.page.get_by_role("button").dblclick()
    phone.page.wait_for_url("**/r/**")
    assert registered(stack, person, key) == phone.handle


def test_pressing_send_while_the_first_press_is_under_way(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """In a rush, when storing takes long, whoever presses again gets the receipt too, not a second registration."""
    phone = simple_phone
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    send = phone.page.get_by_role("button")
    send.scroll_into_view_if_needed()
    box = send.bounding_box()
    assert box is not None

    with no_commits(stack.endpoints["database_url"]):
        for _ in range(3):
            with phone.page.expect_request(lambda request: request.method == "POST"):
                phone.page.touchscreen.tap(box["x"] + 9, box["y"] + 9)
    phone.page.wait_for_url("**/r/**")
    assert registered(stack, person, key) == phone.handle


def test_an_answer_lost_on_the_way(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """The signal goes while the answer is on its way: sending the same form again leads to the same receipt."""
    phone = simple_phone
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    handles = []

    def lose(route: Route) -> None:
        location = route.fetch(max_redirects=0).headers["location"]
        handles.append(location.removeprefix("/r/").partition("?")[0])
        route.abort("connectionreset")

    phone.page.route("**/?lang=*", lose, times=1)
    phone.page.get_by_role("button").click()
    phone.page.wait_for_url("chrome-error://**")
    phone.troubles.clear()  # the browser's own page about the lost connection
    phone.page.reload()
    assert [phone.handle] == handles
    assert registered(stack, person, key) == phone.handle


def test_the_database_away_while_sending(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """The form comes back with everything in it and says so; pressing Send again makes one registration."""
    phone = simple_phone
    phone.visit("/")
    phone.fill(person)
    key = phone.key
    stack.kill_family("postgresql")
    response = phone.send()
    assert response.status == 503
    assert int(response.headers["retry-after"]) >= 1
    assert phone.says("Anda tidak perlu mengisi ulang")
    assert phone.values() == typed(person)
    assert phone.key == key
    phone.look("unsure")

    while phone.send().status == 503:
        assert phone.values() == typed(person)
    assert registered(stack, person, key) == phone.handle
    stack.wait_until_healthy()


def test_a_form_already_sent_with_other_data(simple_phone: Phone, stack: Stack, person: Person) -> None:
    """A form that was sent before is not silently taken for another person's."""
    phone = simple_phone
    phone.visit("/")
    stack.register(person, key=phone.key)
    phone.fill(person, name="Orang Lain")
    assert phone.send().status == 422
    assert phone.says("Formulir ini sudah pernah dikirim")
    phone.look("already-sent")


def registered(stack: Stack, person: Person, key: str) -> str:
    """The handle of the one registration that a form's key has brought."""
    answer = stack.register(person, key=key)
    while answer.status == 409:  # a press whose answer nobody waited for is still under way
        answer = stack.register(person, key=key)
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (202, "true")
    handle: str = answer.json["handle"]
    return handle


def is_in_view(phone: Phone, field: str) -> bool:
    """Whether one sees a field, its label and what is said between them without scrolling."""
    label = phone.page.locator(f"label[for={field}]").bounding_box()
    box = phone.page.locator(f"#{field}").bounding_box()
    assert label is not None
    assert box is not None
    return label["y"] >= 0 and box["y"] + box["height"] <= 640


@contextmanager
def no_commits(database_url: str) -> Iterator[None]:
    """Let nothing be stored meanwhile: what comes in waits."""
    locked, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            async with connection.transaction():
                await connection.execute("lock table registrations in share mode")
                locked.set()
                await asyncio.to_thread(done.wait)
        finally:
            await connection.close()

    # The browser's event loop runs in this thread, so this one needs another.
    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    try:
        assert locked.wait(DEADLINE_SECONDS)
        yield
    finally:
        done.set()
        thread.join()
