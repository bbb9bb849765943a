"""A real browser, the size of a cheap phone, on the pages of a running `gelombang up`.

Imports nothing of what is tested; only the made-up people are the stand-ins' own.
"""

import contextlib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Request, Response, sync_playwright

from simulators.people import Person
from tests.stack import Stack, eventually, found, running, someone, typed

Language = Literal["id", "en"]

HERE = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURES = Path(__file__).parents[2] / "test-artifacts" / "browser"
DEADLINE_SECONDS = 60
FIELDS = ("name", "birth_place", "birth_date", "nik", "email", "phone")
LOCALES: dict[Language, str] = {"id": "id-ID", "en": "en-GB"}
SEND: dict[Language, str] = {"id": "Kirim", "en": "Send"}
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
# Chromium says this of every page whose status is 400 or more, also where that status is the right one.
STATUS_OF_A_PAGE = "Failed to load resource: the server responded with a status of "

# What a thumb and a screen reader need of every page; gives one line for each thing that is wrong.
AUDIT = """() => {
  const wrong = [];
  const isShown = element => element.checkVisibility() && element.getBoundingClientRect().right > 0;
  if (document.documentElement.scrollWidth > window.innerWidth)
    wrong.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  for (const input of document.querySelectorAll("input, select, textarea")) {
    if (!isShown(input)) continue;
    if (![...input.labels].some(label => isShown(label) && label.innerText.trim()))
      wrong.push(`no label: ${input.name}`);
    if (parseFloat(getComputedStyle(input).fontSize) < 16) wrong.push(`phones zoom into it: ${input.name}`);
  }
  for (const target of document.querySelectorAll("a, button, input")) {
    if (!isShown(target) || getComputedStyle(target).display === "inline") continue;
    const boxes = [target, ...(target.labels ?? [])].map(element => element.getBoundingClientRect());
    const height = Math.max(...boxes.map(box => box.height)), width = Math.max(...boxes.map(box => box.width));
    if (height < 44 || width < 44) wrong.push(`small: ${target.outerHTML.slice(0, 80)} ${width} x ${height}`);
  }
  return wrong;
}"""


class Phone:
    """One browser window of an applicant. `troubles` are things that no page may ever do."""

    def __init__(self, context: BrowserContext, stack: Stack, language: Language, *, script: bool) -> None:
        self.stack = stack
        self.script = script
        self.front_door: str = stack.endpoints["front_door"]
        self.language = language
        self.context = context
        self.troubles: list[str] = []
        self.may_visit = [self.front_door]
        self._asked: set[str] = set()
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.troubles.append(f"script error: {error.error}"))
        self.page = context.new_page()

    @property
    def handle(self) -> str:
        """The handle in the address bar, on a receipt."""
        return found(r"(?<=/r/)[^/?#]+", self.page.url)

    @property
    def key(self) -> str:
        """The idempotency key of the form that is open."""
        return self.page.locator("input[name=key]").input_value()

    @property
    def focused(self) -> str:
        """The id of the element that has the focus."""
        focused: str = self.page.evaluate("document.activeElement.id")
        return focused

    def on_slow_3g(self) -> None:
        """From now on everything takes as long as on a bad line."""
        self._line = self.context.new_cdp_session(self.page)
        self._line.send("Network.enable")
        self.find_network()

    def lose_network(self) -> None:
        """No signal, on a phone that is on slow 3G."""
        self._line.send("Network.emulateNetworkConditions", {**SLOW_3G, "offline": True})

    def find_network(self) -> None:
        """Slow 3G again."""
        self._line.send("Network.emulateNetworkConditions", SLOW_3G)

    def visit(self, address: str) -> int:
        """Go to an address or a path on the front door; gives the status."""
        response = self.page.goto(urllib.parse.urljoin(self.front_door, address))
        assert response is not None
        return response.status

    def press(self, words: str) -> Response:
        """Press the button or link with these words, and give what came back."""
        target = self.page.get_by_role("button", name=words).or_(self.page.get_by_role("link", name=words))
        with self.page.expect_navigation() as navigation:
            target.click()
        response = navigation.value
        assert response is not None
        return response

    def send(self) -> Response:
        """Press Send on the form, without JavaScript."""
        return self.press(SEND[self.language])

    def tap_send(self) -> None:
        """Press Send on the form, and wait for nothing."""
        self.page.get_by_role("button", name=SEND[self.language], exact=True).click()

    def arrive(self) -> None:
        """Press Send on the form, and get to the receipt."""
        self.tap_send()
        self.page.wait_for_url("**/r/**")
        assert self.handle

    def be_refused(self) -> None:
        """Press Send on the form, and see it again with what is wrong."""
        if self.script:
            self.tap_send()
            self.page.locator("#notice").wait_for()
        else:
            assert self.send().status == 422

    def fill(self, person: Person, **other: str) -> None:
        """Type somebody's data into the form, or what is given instead."""
        for field, value in (typed(person) | other).items():
            self.page.locator(f"#{field}").fill(value)

    def apply(self, person: Person, **other: str) -> None:
        """Open the form, fill it in and send it, up to the receipt."""
        assert self.visit("/") == 200
        self.fill(person, **other)
        self.arrive()

    def register(self, person: Person, **other: str) -> None:
        """Open the receipt of somebody whom a program registered, where the form is not the point."""
        answer = self.stack.register(msgspec.structs.replace(person, **other))
        assert self.visit(f"/r/{answer.json['handle']}") == 200

    def values(self) -> dict[str, str]:
        """What stands in the form."""
        return {field: self.page.locator(f"#{field}").input_value() for field in FIELDS}

    def check(self, kind: str) -> Locator:
        """One check on the receipt: `nik`, `email` or `phone`."""
        return self.page.locator(f"section[aria-labelledby={kind}-title]")

    def word(self, kind: str) -> str:
        """The state of one check, or of the `overall`, in words."""
        return self.page.locator(f"#{kind}-title .word").inner_text()

    def reload_until(self, kind: str, word: str) -> None:
        """Open the receipt again and again until it says so."""

        def is_said() -> bool:
            self.page.goto(f"{self.front_door}/r/{self.handle}")
            return self.word(kind) == word

        eventually(is_said)

    def says(self, words: str) -> bool:
        """Whether the page shows these words."""
        return words in self.page.locator("body").inner_text()

    def look(self, name: str) -> None:
        """Check what every page owes to thumbs and screen readers, and keep a picture."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{self.language}.png", full_page=True)
        assert self.page.evaluate(AUDIT) == []
        assert self.page.locator("html").get_attribute("lang") == self.language

    def _note_request(self, request: Request) -> None:
        if request.is_navigation_request() or request.resource_type == "fetch":
            self._asked.add(request.url)
        if not request.url.startswith(tuple(self.may_visit)):
            self.troubles.append(f"request to elsewhere: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if not (message.text.startswith(STATUS_OF_A_PAGE) and message.location["url"] in self._asked):
            self.troubles.append(f"console: {message.text}")


def accessible(phone: Phone) -> list[str]:
    """What axe finds on the page that is open."""
    results = Axe().run(phone.page, options={"resultTypes": ["violations"]})
    return [f"{violation['id']}: {violation['nodes'][0]['html'][:100]}" for violation in results.response["violations"]]


class Phones:
    """Makes phones, each as new, and has them put away at the end of the test."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self._browser = browser
        self._stack = stack
        self.made: list[Phone] = []

    def new(self, language: Language, *, script: bool, zone: str = "Asia/Jakarta") -> Phone:
        """A phone set to a language and a time zone, with JavaScript or without."""
        context = self._browser.new_context(
            viewport={"width": 360, "height": 640},
            java_script_enabled=script,
            locale=LOCALES[language],
            timezone_id=zone,
            has_touch=True,
        )
        context.set_default_timeout(DEADLINE_SECONDS * 1000)
        self.made.append(Phone(context, self._stack, language, script=script))
        return self.made[-1]


@pytest.fixture(scope="session", autouse=True)
def chromium() -> Path:
    """The browser's program; without it these tests say why they are skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"the browser tests need Chromium at {CHROMIUM} (Debian: apt install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all browser tests."""
    with running(tmp_path_factory.mktemp("browser") / "data") as ready:
        yield ready


class Browsers:
    """One browser, started when it is first wanted."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._stack = contextlib.ExitStack()
        self._browser: Browser | None = None

    def get(self) -> Browser:
        """The browser."""
        if self._browser is None:
            playwright = self._stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=self._program, args=ARGUMENTS)
            self._stack.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        """End it; it can be started again."""
        self._browser = None
        self._stack.close()


BROWSERS = Browsers(CHROMIUM)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """While a browser runs, its event loop would be in the way of other folders' async tests."""
    if nextitem is None or nextitem.path.parent != HERE:
        BROWSERS.close()


@pytest.fixture
def browser(chromium: Path) -> Browser:
    """One browser for as long as tests of this folder follow each other."""
    assert chromium.exists()
    return BROWSERS.get()


@pytest.fixture
def phones(browser: Browser, stack: Stack) -> Iterator[Phones]:
    """Makes the test's phones; afterwards no page has complained or asked elsewhere."""
    made = Phones(browser, stack)
    yield made
    for phone in made.made:
        phone.context.close()
    assert [trouble for phone in made.made for trouble in phone.troubles] == []


@pytest.fixture(params=[("id", True), ("en", False)], ids=["id-script", "en-no-script"])
def phone(request: pytest.FixtureRequest, phones: Phones) -> Phone:
    """A phone in Indonesian with JavaScript, then one in English without."""
    language, script = request.param
    return phones.new(language, script=script)


@pytest.fixture
def clever_phone(phones: Phones) -> Phone:
    """One in Indonesian with JavaScript, where that is the point."""
    return phones.new("id", script=True)


@pytest.fixture
def simple_phone(phones: Phones) -> Phone:
    """One in Indonesian without JavaScript, where one is enough."""
    return phones.new("id", script=False)


@pytest.fixture
def person() -> Person:
    """Somebody who did not register yet."""
    return someone()
