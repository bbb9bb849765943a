"""After the last check: the test, joining, the result, as an applicant sees them, on a network that comes and goes."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from simulators.people import Person
from tests.browser.conftest import Phone, Phones
from tests.stack import API, ENVIRONMENT, Stack, eventually, running, someone

TO_TEST = {"id": "Ke tes dan gelombang", "en": "To the test and the wave"}
BEGIN = {"id": "Mulai tes", "en": "Begin the test"}
SEND = {"id": "Kirim semua jawaban", "en": "Send all answers"}
LOOK = {"id": "Lihat hasilnya", "en": "See the result"}
JOIN = {"id": "Gabung gelombang 1", "en": "Join wave 1"}
JOINED = {"id": "Anda sudah bergabung dengan gelombang 1.", "en": "You have joined wave 1."}
SCORE = {"id": "Hasil tes Anda, gelombang 1", "en": "Your test result, wave 1"}
SELECTED = {"id": "Selamat! Anda terpilih.", "en": "Congratulations! You are selected."}
SAVED = "Semua jawaban tersimpan."
LOST = "Sambungan terputus. Jawaban Anda aman di ponsel ini"
QUESTIONS = 19


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own: a wave stands open in it, which a test may close."""
    with running(tmp_path / "data", processes=1) as ready:
        now = datetime.now(UTC)
        opens, closes = (f"{at:%Y-%m-%dT%H:%M:%S%z}" for at in (now - timedelta(seconds=5), now + timedelta(hours=1)))
        wave(ready, "plan", "1", "--quota", "10", "--opens", opens, "--closes", closes)
        wave(ready, "open", "1", "--override", "a test")
        yield ready


def wave(stack: Stack, *options: str) -> None:
    """A `gelombang wave` command that has to succeed."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "gelombang", "wave", *options, "--data-dir", str(stack.directory)],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def begin(phone: Phone, stack: Stack, person: Person) -> str:
    """Somebody who is verified throughout begins the test; gives the handle."""
    phone.register(person)
    handle = phone.handle
    phone.reload_until("nik", {"id": "Terverifikasi", "en": "Verified"}[phone.language])
    stack.confirm(person, handle)
    phone.visit(f"/r/{handle}?lang={phone.language}")
    phone.press(TO_TEST[phone.language])
    assert phone.press(BEGIN[phone.language]).status == 200
    return handle


def answers(stack: Stack, handle: str) -> list[int | None]:
    """What the server has."""
    found: list[int | None] = stack.call("GET", f"{API}/{handle}/test").json["answers"]
    return found


def test_an_answer_is_saved_as_it_is_chosen(phones: Phones, stack: Stack) -> None:
    """Reload, lost connection, a second device, a phone whose clock is wrong: nothing chosen is lost or ends early."""
    phone = phones.new("id", script=True)
    handle = begin(phone, stack, someone())
    news = phone.page.locator("#test-news")
    phone.page.locator("label[for=q0-1]").click()
    expect(news).to_have_text(SAVED)
    assert answers(stack, handle)[0] == 1

    phone.context.set_offline(True)
    phone.page.locator("label[for=q1-2]").click()
    phone.page.locator("label[for=q2-3]").click()
    phone.page.locator("label[for=q2-0]").click()
    expect(news).to_contain_text(LOST)
    assert answers(stack, handle)[1:3] == [None, None]
    phone.context.set_offline(False)
    expect(news).to_have_text(SAVED)
    assert answers(stack, handle)[:3] == [1, 2, 0]

    phone.page.route("**/test/answer", lambda route: route.abort())
    phone.page.locator("label[for=q3-3]").click()
    expect(news).to_contain_text(LOST)
    phone.page.unroute("**/test/answer")
    phone.visit(f"/r/{handle}/test")
    expect(phone.page.locator("#q3-3")).to_be_checked()
    expect(news).to_have_text(SAVED)
    assert answers(stack, handle)[:4] == [1, 2, 0, 3]
    assert phone.page.evaluate("JSON.stringify(localStorage)").count("answers") == 0

    other = phones.new("en", script=True)
    other.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=1))
    other.visit(f"/r/{handle}/test")
    assert [other.page.locator(f"#q{place}-{option}").is_checked() for place, option in enumerate([1, 2, 0, 3])] == (
        [True] * 4
    )
    expect(other.page.locator("#left")).to_have_text("About 25 minutes are left.")
    other.page.locator("label[for=q4-0]").click()
    expect(other.page.locator("#test-news")).to_have_text("All answers are saved.")
    other.look("test")
    phone.page.get_by_role("button", name=SEND["id"]).click()
    expect(phone.page.get_by_role("heading", name=SCORE["id"])).to_be_visible()

    other.page.locator("label[for=q5-0]").click()
    expect(other.page.get_by_role("heading", name=SCORE["en"])).to_be_visible()
    for one in (phone, other):
        one.troubles = [trouble for trouble in one.troubles if "net::ERR_" not in trouble]


def test_from_the_form_to_the_announcement(phones: Phones, stack: Stack) -> None:
    """With JavaScript and without: verified, tested, joined; after the closing the score stays; then the result."""
    people = [(phones.new("id", script=True), someone()), (phones.new("en", script=False), someone())]
    for phone, person in people:
        phone.apply(person)
        handle = phone.handle
        phone.reload_until("nik", {"id": "Terverifikasi", "en": "Verified"}[phone.language])
        stack.confirm(person, handle)
        phone.visit(f"/r/{handle}?lang={phone.language}")
        phone.press(TO_TEST[phone.language])
        phone.look("test-begin")
        phone.press(BEGIN[phone.language])
        for question in range(QUESTIONS):
            phone.page.locator(f"label[for=q{question}-{question % 4}]").click()
        phone.page.get_by_role("button", name=SEND[phone.language]).click()
        score = phone.page.get_by_role("heading", name=SCORE[phone.language])
        if phone.script:
            expect(score).to_be_visible()
        else:
            eventually(lambda phone=phone, score=score: score.is_visible() or not phone.visit(phone.page.url))  # type: ignore[misc]
        assert answers(stack, handle) == [question % 4 for question in range(QUESTIONS)]
        phone.press(JOIN[phone.language])
        assert phone.says(JOINED[phone.language])
        phone.look("test-joined")
    wave(stack, "close", "1", "--early")
    for phone, _ in people:
        phone.visit(phone.page.url)
        assert score_and_joined(phone), "a closing takes nothing from sight"
        phone.look("test-closed")
    wave(stack, "select", "1", "--out", str(Path(stack.directory) / "result.csv"))
    wave(stack, "announce", "1", "--per-second", "1000")
    for phone, person in people:
        eventually(lambda phone=phone: phone.visit(phone.page.url) == 200 and phone.says(SELECTED[phone.language]))  # type: ignore[misc]
        phone.look("test-selected")
        eventually(lambda person=person: len(stack.received("mailbox", person.email)) == 2)  # type: ignore[misc]


def score_and_joined(phone: Phone) -> bool:
    """Whether the page still says what came of the test, and that one has joined."""
    return phone.says(SCORE[phone.language]) and phone.says(JOINED[phone.language])
