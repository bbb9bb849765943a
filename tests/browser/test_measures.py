"""What every page owes to a cheap phone: weight, slow networks, accessibility, and one reading of a NIK."""

from datetime import timedelta

import pytest
from playwright.sync_api import Response, expect

from ingest.pages import Pages, nik_in_words
from registration import mail_domains, nik
from simulators.people import Person
from tests.browser.conftest import Phone, Phones, accessible
from tests.slips import slips
from tests.stack import Stack, eventually

SEED = 20200411
COUNT = 1_000
READ_ALL = """async ([script, regions, people]) => {
  const form = await import(script);
  const names = await (await fetch(regions)).json();
  return people.map(({nik, date, email}) => {
    const read = form.readNik(nik);
    return [read && form.nikInWords(read, date, names), read && form.agrees(read, date), form.mailSuggestion(email)];
  });
}"""


@pytest.mark.parametrize("language", ["id", "en"])
def test_axe_finds_nothing(phones: Phones, stack: Stack, person: Person, language: str) -> None:
    """On the form, blank and wrong, the receipt in each of its states, the mail page, and the dead ends."""
    phone = phones.new("en" if language == "en" else "id", script=True)
    phone.visit("/")
    assert accessible(phone) == []
    phone.fill(
        person, name="R2-D2", birth_date=(person.birth_date - timedelta(days=1)).isoformat(), email="a@gmial.com"
    )
    phone.be_refused()
    assert accessible(phone) == []
    phone.register(person, nik=person.nik[:12] + "9001")
    words = {"id": ("Tidak lolos", "Menunggu Anda"), "en": ("Not passed", "Waiting for you")}[phone.language]
    for kind, word in zip(("nik", "email", "phone"), (words[0], words[1], words[1]), strict=True):
        expect(phone.page.locator(f"#{kind}-title .word")).to_have_text(word, timeout=60_000)
    assert accessible(phone) == []
    phone.visit(stack.links(person)[0])
    assert accessible(phone) == []
    phone.visit("/nowhere")
    assert accessible(phone) == []


def test_script_and_server_read_a_nik_alike(clever_phone: Phone) -> None:
    """A thousand people with their slips, and the slips of the mail domain: the same words, the same doubts."""
    phone = clever_phone
    phone.visit("/")
    corpus = list(slips(SEED, COUNT))
    people = [{"nik": slip.nik, "date": slip.birth_date, "email": slip.email} for slip in corpus]
    script = phone.page.locator("script[src*=form]").get_attribute("src")
    regions = phone.page.locator("form[data-regions]").get_attribute("data-regions")
    said = phone.page.evaluate(READ_ALL, [script, regions, people])
    for slip, (words, agrees, meant) in zip(corpus, said, strict=True):
        try:
            number = nik.parse(slip.nik)
        except nik.NikFormatError:
            assert (words, agrees) == (None, None), slip
        else:
            born = slip.person.birth_date.fromisoformat(slip.birth_date)
            assert (words, agrees) == (nik_in_words(number, born, "id"), number.agrees_with(born)), slip
        assert meant == mail_domains.suggestion(slip.email), slip


def test_on_slow_3g_the_form_is_there_before_anything_else(phones: Phones, person: Person) -> None:
    """The document alone is enough; with all that it loads it is under 25 KB on the wire; registering works."""
    phone = phones.new("id", script=True)
    phone.on_slow_3g()
    answers: list[Response] = []
    phone.page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright marks what it is given
    phone.page.goto(phone.front_door, wait_until="commit")
    phone.page.locator("#name").wait_for()
    phone.page.wait_for_load_state("networkidle")
    weight = sum(answer.request.sizes()["responseBodySize"] for answer in answers)
    assert answers[0].request.sizes()["responseBodySize"] < 14 * 1024
    assert weight < 25 * 1024, weight
    phone.fill(person)
    phone.arrive()


def test_the_status_page_hears_the_news_by_itself(phones: Phones, stack: Stack, person: Person) -> None:
    """Nothing is pressed: the state changes under the reader's eyes, but never what is being typed."""
    phone = phones.new("id", script=True)
    phone.register(person)
    expect(phone.page.locator("#phone-title .word")).to_have_text("Menunggu Anda", timeout=60_000)
    phone.page.locator("#code").fill("12")
    eventually(lambda: bool(stack.links(person)))
    assert stack.call("POST", stack.links(person)[0]).status == 200
    expect(phone.page.locator("#email-title .word")).to_have_text("Terverifikasi", timeout=60_000)
    expect(phone.page.locator("#news")).to_contain_text("baru saja diperbarui")
    expect(phone.page.locator("#code")).to_have_value("12")
    phone.look("news")


@pytest.mark.parametrize(
    ("zone", "told"), [("Asia/Makassar", "WITA"), ("Asia/Jayapura", "WIT"), ("Asia/Jakarta", "WIB")]
)
def test_times_are_told_in_the_readers_zone(phones: Phones, person: Person, zone: str, told: str) -> None:
    """The phone knows where it is; without JavaScript one press says it, and the answer is the same."""
    phone = phones.new("id", script=True, zone=zone)
    phone.register(person)
    time = phone.page.locator("#overall time")
    expect(time).to_contain_text(f" {told}")
    expect(phone.page.locator(".zones")).to_be_hidden()
    simple = phones.new("id", script=False)
    simple.visit(f"/r/{phone.handle}")
    if told != "WIB":
        simple.page.get_by_role("link", name=told, exact=True).click()
        simple.page.wait_for_url("**zone=*")
    assert simple.page.locator("#overall time").inner_text() == time.inner_text()


def test_the_waiting_page_lets_people_in_by_itself(clever_phone: Phone, person: Person) -> None:
    """What a CDN serves for a full door keeps the draft, tells so, and goes away when the door is open."""
    phone = clever_phone
    phone.visit("/")
    phone.fill(person)
    page = waiting_page()
    phone.page.route("**/", lambda route: route.fulfill(status=503, content_type="text/html", body=page), times=2)
    phone.page.clock.install()
    phone.visit("/")
    assert phone.says("Isian Anda yang belum terkirim aman di ponsel ini.")
    phone.look("waiting")
    assert accessible(phone) == []
    phone.page.clock.run_for(90_000)
    phone.page.locator("#name").wait_for()
    assert phone.values()["nik"] == person.nik


def waiting_page() -> bytes:
    """As `gelombang waiting-page` writes it."""
    return Pages().waiting("id")
