import gzip
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from uuid import UUID

import msgspec
import pytest

from ingest import wording
from ingest.pages import (
    CheckView,
    EmailLinkView,
    FieldProblem,
    FormView,
    Link,
    MessageView,
    Pages,
    StatusView,
    nik_in_words,
)
from ingest.pages.views import AssessmentView
from ingest.wording import LANGUAGES, Language
from registration import nik
from registration.applicant import CONFIRMABLE, FIELDS
from registration.assessment import QUESTIONS, Scores, draw, load_bank
from registration.checks import CORRECTABLE, FROM_THE_START, Kind, Overall, Reason, State
from registration.store.assessments import Attempt
from registration.store.progress import Progress, Result
from registration.waves import Wave

HOSTILE = "\"><script>alert('x')</script>{{ 7*7 }}&amp;"
RECEIVED = datetime(2020, 4, 11, 18, 30, tzinfo=UTC)
PAGES = Pages()
BANK = load_bank()
TYPED = dict.fromkeys(FIELDS, HOSTILE)


class Outline(HTMLParser):
    """The start tags of a page, in order, and its visible text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag with its attributes, decoded."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Keep the text, decoded."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """All tags of one kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def input(self, name: str) -> dict[str, str]:
        """The first input that posts under this name."""
        return next(given for given in self.all("input") if given.get("name") == name)

    def ids(self) -> list[str]:
        """Every id, as often as it occurs."""
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def problem_of(field: str, code: str, language: Language = "id") -> FieldProblem:
    return FieldProblem(field, code, wording.field_message(code, language))


def everything_wrong(language: Language = "id") -> FormView:
    fields = tuple(problem_of(field, f"{field}_format", language) for field in reversed(FIELDS))
    doubts = tuple(problem_of("nik", code, language) for code in sorted(CONFIRMABLE))
    return FormView(
        key=HOSTILE,
        csrf=HOSTILE,
        values=TYPED,
        errors=(*fields, *doubts, problem_of("confirm", "confirm_format", language)),
        notice=HOSTILE,
        nik_says=HOSTILE,
        confirmed=frozenset({"nik_unknown_region"}),
    )


def _kind_of(reason: Reason) -> Kind:
    """Whose reason it is: by its own name, else the NIK's."""
    if reason is Reason.IS_STUDENT:
        return Kind.STUDENT
    return next((kind for kind in Kind if reason.startswith(f"{kind}_") and kind is not Kind.NIK), Kind.NIK)


def status_of(state: State = State.SENT, reason: Reason | None = None, code_problem: str | None = None) -> StatusView:
    return StatusView(
        handle="handle",
        address=f"https://daftar.example.id/r/handle{HOSTILE}",
        received_at=RECEIVED,
        state=Overall.OPEN,
        checks=tuple(
            CheckView(
                kind=kind,
                state=state,
                reason=reason,
                updated_at=RECEIVED,
                fields=CORRECTABLE[reason] if reason else (),
            )
            for kind in (Kind if reason is None else [_kind_of(reason)])
        ),
        notice=HOSTILE,
        code_problem=code_problem,
    )


def three_checks(state: State) -> StatusView:
    """The status of somebody who has sent no photo, where nobody is asked whether they study."""
    view = status_of(state, code_problem=HOSTILE)
    return msgspec.structs.replace(view, checks=tuple(check for check in view.checks if check.kind in FROM_THE_START))


def assessment_of(test: str, scores: Scores | None = None) -> AssessmentView:
    """The test of whoever has the longest paper of many, in an open wave."""
    wave = Wave(1, RECEIVED, RECEIVED + timedelta(days=5), 164_000)
    attempt = Attempt(
        wave=1,
        bank_version=BANK.version,
        started_at=RECEIVED,
        deadline_at=RECEIVED + timedelta(minutes=25),
        answers=(0,) * QUESTIONS,
        submitted_at=None,
        scores=scores,
        now=RECEIVED,
    )
    progress = Progress(
        now=RECEIVED,
        complete=True,
        benefits=False,
        wave=wave,
        open=True,
        seed_commitment="0" * 64,
        attempt=attempt,
        participation=None,
        result=Result(1, UUID(int=1), rank=1, selected=True),
    )
    papers = [draw(BANK, seed.to_bytes(16, "big")) for seed in range(50)]
    longest = max(papers, key=lambda paper: sum(len(item.text) + len("".join(item.options)) for item in paper))
    questions = longest if test == "running" else ()
    return AssessmentView(
        handle="handle", progress=progress, test=test, minutes=25, questions=questions, notice=HOSTILE
    )


def every_page(language: Language) -> list[bytes]:
    message = MessageView(title=HOSTILE, text=HOSTILE, wait=HOSTILE, back=Link("/", HOSTILE))
    return [
        PAGES.blank_form(language, key=HOSTILE, csrf=HOSTILE),
        PAGES.form(language, everything_wrong(language)),
        *(PAGES.status(language, status_of(state, code_problem=HOSTILE)) for state in State),
        *(PAGES.status(language, status_of(State.REJECTED, reason)) for reason in Reason),
        *(
            PAGES.status(language, msgspec.structs.replace(three_checks(state), photo=asked, photo_problem=HOSTILE))
            for state in State
            for asked in ("needed", "wanted")
        ),
        *(PAGES.assessment(language, assessment_of(test)) for test in ("not_started", "running", "ended")),
        PAGES.assessment(language, assessment_of("scored", Scores(motivation=21, maths=12))),
        PAGES.email_link(language, EmailLinkView()),
        PAGES.email_done(language),
        PAGES.message(language, message),
        PAGES.problem(language, "overloaded", wait_seconds=17),
        PAGES.waiting(language),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_keeps_the_strictest_content_policy(language: Language) -> None:
    """Nothing inline, nothing from another site, hostile values shown as text; the language is declared."""
    for page in every_page(language):
        outline = Outline(page)
        assert outline.all("html") == [{"lang": language}]
        assert all(set(script) == {"type", "src"} for script in outline.all("script"))
        assert not outline.all("style")
        for tag, attributes in outline.tags:
            assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
            addresses = [attributes[name] for name in ("href", "src", "action", "formaction") if name in attributes]
            assert all(re.match(r"/(?!/)|\?|#|\Z", address) for address in addresses), tag
        fetched = {link["href"] for link in outline.all("link")} | {s["src"] for s in outline.all("script")}
        assert fetched <= set(PAGES.assets)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_small_and_its_parts_are_named_once(language: Language) -> None:
    """14 KB of HTML, 25 KB with all that it loads, for a cheap phone; one title, one main heading, no id twice."""
    for page in every_page(language):
        outline = Outline(page)
        assert len(gzip.compress(page)) < 14 * 1024
        loaded = [s["src"] for s in outline.all("script")] + [given["href"] for given in outline.all("link")]
        loaded += [given["data-regions"] for given in outline.all("form") if "data-regions" in given]
        assert len(gzip.compress(page)) + sum(len(PAGES.assets[path].compressed) for path in loaded) < 25 * 1024
        assert len(outline.all("title")) == len(outline.all("h1")) == 1
        assert len(outline.ids()) == len(set(outline.ids()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_input_has_a_label_and_every_reference_leads_somewhere(language: Language) -> None:
    """Visible inputs are labelled, described by things that exist, and links within the page arrive."""
    for page in every_page(language):
        outline = Outline(page)
        labelled = {label["for"] for label in outline.all("label")}
        ids = set(outline.ids())
        assert all(given["id"] in labelled for given in outline.all("input") if given.get("type") != "hidden")
        for _, attributes in outline.tags:
            references = f"{attributes.get('aria-describedby', '')} {attributes.get('aria-labelledby', '')}".split()
            assert set(references) <= ids
            assert not attributes.get("href", "").startswith("#") or attributes["href"][1:] in ids


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_at_a_public_address_carries_its_token(language: Language) -> None:
    """No form changes anything by GET; the one at an address that others know carries a token against forgery."""
    for page in every_page(language):
        outline = Outline(page)
        assert all(form["method"] == "post" for form in outline.all("form"))
        tokens = [given["value"] for given in outline.all("input") if given["name"] == "csrf"]
        assert tokens == [HOSTILE for form in outline.all("form") if form["action"].startswith("/?")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_blank_form_is_the_same_whether_prepared_or_rendered(language: Language) -> None:
    """The prepared bytes differ in nothing from a rendered form, and escape what goes in."""
    rendered = PAGES.form(language, FormView(key=HOSTILE, csrf="token"))
    assert PAGES.blank_form(language, key=HOSTILE, csrf="token") == rendered
    assert Outline(rendered).input("key")["value"] == HOSTILE


def test_the_blank_form_asks_for_every_field_in_a_phones_way() -> None:
    """All fields are there in order, with the keyboard that fits; a NIK pasted with spaces is not cut off."""
    outline = Outline(PAGES.blank_form("id", key="k", csrf="c"))
    visible = [given for given in outline.all("input") if given.get("type") != "hidden"]
    assert tuple(given["name"] for given in visible) == FIELDS
    assert all("aria-invalid" not in given and "autofocus" not in given for given in visible)
    assert outline.input("birth_date")["type"] == "date"
    assert outline.input("nik")["inputmode"] == "numeric"
    assert outline.input("nik")["autocomplete"] == "off"
    assert int(outline.input("nik")["maxlength"]) >= 31
    assert (outline.input("email")["type"], outline.input("phone")["type"]) == ("email", "tel")
    assert ("?lang=en" in outline.all("a")[2]["href"], outline.all("a")[2]["lang"]) == (True, "en")


def test_all_wrong_fields_are_shown_at_once_with_what_was_typed() -> None:
    """Every field keeps its value, is marked and tied to its message; the first one gets the focus."""
    outline = Outline(PAGES.form("id", everything_wrong()))
    for field in FIELDS:
        given = outline.input(field)
        assert given["value"] == HOSTILE
        assert given["aria-invalid"] == "true"
        assert f"{field}-problem" in given["aria-describedby"].split()
        assert outline.text.count(wording.field_message(f"{field}_format", "id")) == 2  # summary and field
    assert [given["name"] for given in outline.all("input") if "autofocus" in given] == [FIELDS[0]]


def test_the_summary_links_to_the_wrong_fields_in_the_order_of_the_page() -> None:
    """Whatever the order of the problems, the summary follows the form."""
    outline = Outline(PAGES.form("id", everything_wrong()))
    linked = [link["href"] for link in outline.all("a") if link["href"].startswith("#")]
    nik_and_after = ["#nik", "#nik", "#nik", "#confirm", "#email", "#phone"]
    assert linked == ["#content", "#name", "#birth_place", "#birth_date", *nik_and_after]


def test_a_problem_of_no_visible_field_is_still_told() -> None:
    """A problem of a field that the form does not show is a line without a link."""
    page = PAGES.form("id", FormView(key="k", csrf="c", errors=(FieldProblem("other", "type", "Pesan lain."),)))
    assert "Pesan lain." in Outline(page).text


def test_a_doubtful_nik_can_be_confirmed_beside_what_it_says() -> None:
    """The statement to tick appears for the doubt at hand only, with the NIK in words."""
    doubt = problem_of("nik", "nik_birth_date_mismatch")
    outline = Outline(
        PAGES.form("id", FormView(key="k", csrf="c", errors=(doubt,), nik_says="NIK Anda menyatakan: x."))
    )
    boxes = [given for given in outline.all("input") if given["name"] == "confirm"]
    assert [(box["type"], box["value"], "checked" in box) for box in boxes] == [
        ("checkbox", "nik_birth_date_mismatch", False)
    ]
    assert "NIK Anda menyatakan: x." in outline.text


def test_what_was_confirmed_stays_confirmed() -> None:
    """A later error elsewhere does not untick the statement."""
    view = FormView(
        key="k", csrf="c", errors=(problem_of("email", "email_format"),), confirmed=frozenset({"nik_unknown_region"})
    )
    assert "checked" in Outline(PAGES.form("id", view)).input("confirm")


def test_the_receipt_says_when_it_was_received_in_local_time() -> None:
    """18.30 UTC is 01.30 WIB of the next day, for people and for machines."""
    outline = Outline(PAGES.status("id", status_of()))
    assert "Diterima pada 12 April 2020, pukul 01.30 WIB." in outline.text
    assert outline.all("time")[0] == {"datetime": "2020-04-12T01:30:00+07:00"}


def test_the_phone_code_and_new_letters_can_be_asked_for_only_when_sent() -> None:
    """A sent check offers its forms; every other state offers none, but a rejection its repair."""
    outline = Outline(PAGES.status("id", status_of()))
    actions = ["/r/handle/email-link?lang=id", "/r/handle/phone?lang=id", "/r/handle/phone-code?lang=id"]
    assert [form["action"] for form in outline.all("form")] == actions
    assert outline.input("code")["autocomplete"] == "one-time-code"
    assert outline.input("code")["inputmode"] == "numeric"
    for state in set(State) - {State.SENT, State.REJECTED}:
        assert not Outline(PAGES.status("id", status_of(state))).all("form")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", State)
def test_each_state_is_told_in_words_with_what_to_do(state: State, language: Language) -> None:
    """No state is told by colour alone."""
    shown = Outline(PAGES.status(language, status_of(state))).text
    for kind in Kind:
        said = wording.check_state(kind, state, language)
        assert all(part in shown for part in (said.word, said.meaning, said.action))


@pytest.mark.parametrize("reason", Reason)
def test_a_rejection_says_why_and_what_to_do(reason: Reason) -> None:
    """The reason's words replace the general ones; what mends it is asked for right there, and nothing else."""
    outline = Outline(PAGES.status("id", status_of(State.REJECTED, reason)))
    said = wording.reason(reason, "id")
    assert said.meaning in outline.text
    assert said.action in outline.text
    asked = [given["name"] for given in outline.all("input")]
    if _kind_of(reason) is Kind.PHOTO:
        assert (asked, outline.input("photo")["type"]) == (["photo"], "file")
        assert [form["action"] for form in outline.all("form")] == ["/r/handle/photo?lang=id"]
    elif _kind_of(reason) is Kind.STUDENT:
        assert [form["action"] for form in outline.all("form")] == ["/r/handle/student?lang=id"]
    else:
        assert asked == list(CORRECTABLE[reason])
        assert [form["action"] for form in outline.all("form")] == ["/r/handle/correction?lang=id"] * bool(asked)


def test_a_wrong_code_is_told_at_the_code() -> None:
    """The message is tied to the input, which gets the focus."""
    given = Outline(PAGES.status("id", status_of(code_problem="Kode tidak cocok."))).input("code")
    assert given["aria-invalid"] == "true"
    assert "code-problem" in given["aria-describedby"]
    assert "autofocus" in given


def test_a_refusal_says_how_long_to_wait() -> None:
    """The busy page tells the wait in words, rounded up, and is rendered once only."""
    page = PAGES.problem("id", "overloaded", wait_seconds=17)
    assert "20 detik" in Outline(page).text
    assert PAGES.problem("id", "overloaded", wait_seconds=18) is page


@pytest.mark.parametrize(
    ("text", "hint", "language", "said"),
    [
        ("6171014302900001", date(1990, 2, 4), "id", "lahir 3 Februari 1990, perempuan, Kota Pontianak."),
        ("6171010302900001", date(1990, 2, 4), "en", "born 3 February 1990, male, Kota Pontianak."),
        ("6171010302000001", date(1999, 12, 31), "id", "lahir 3 Februari 2000, laki-laki"),
        ("6171010302990001", date(2001, 1, 1), "id", "lahir 3 Februari 1999, laki-laki"),
        ("6171010302050001", None, "id", "lahir 3 Februari (tahun berakhiran 05), laki-laki"),
        ("3199990302900001", date(1990, 2, 3), "id", "laki-laki, DKI Jakarta."),
        ("9999990302900001", date(1990, 2, 3), "id", "kode wilayah 9999 (tidak ada di daftar kami)."),
        ("6171013102900001", date(1990, 2, 28), "id", "lahir 31 Februari 1990"),
    ],
)
def test_a_nik_is_said_in_words(text: str, hint: date | None, language: Language, said: str) -> None:
    """Birth date with the likeliest century, sex, and the best known place of issue."""
    assert said in nik_in_words(nik.parse(text), hint, language)


def test_assets_have_an_address_of_their_content() -> None:
    """An asset may be kept for ever, because changed content has another address."""
    assert all(re.fullmatch(r"/assets/[a-z-]+-[0-9a-f]{12}\.(css|svg|js|json)", path) for path in PAGES.assets)
    assert all(b"http" not in a.content.replace(b"http://www.w3.org/2000/svg", b"") for a in PAGES.assets.values())


def test_text_stands_out_from_its_background_in_light_and_dark() -> None:
    """Every text colour reaches the contrast of WCAG AA on page and panel, in both schemes."""
    stylesheet = next(a for a in PAGES.assets.values() if a.path.endswith(".css")).content.decode()
    schemes = re.findall(r":root \{([^}]*--accent[^}]*)\}", stylesheet)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        for ink in ("ink", "soft", "accent", "good", "bad", "wait"):
            assert contrast(colours[ink], colours["page"]) >= 4.5, ink
            assert contrast(colours[ink], colours["panel"]) >= 4.5, ink
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2, from two `#rrggbb`."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
