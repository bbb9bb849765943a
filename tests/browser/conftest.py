"""A real browser, the size of a cheap phone, on the pages of a running `gelombang up`.

Imports nothing of what is tested; only the made-up people are the stand-ins' own.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Request, Response, sync_playwright

from simulators.people import Person, make_person

Language = Literal["id", "en"]

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
PEOPLE_SEED = 360_640
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}
LOCALES: dict[Language, str] = {"id": "id-ID", "en": "en-GB"}
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


class Receipt(NamedTuple):
    """What a program is answered; `replayed` when the key had brought this registration before."""

    handle: str
    replayed: bool


class Stack:
    """One running `gelombang up`, and what its stand-ins for the outside received."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory.with_name("output")
        line = [sys.executable, "-m", "gelombang", "up", "--port", "0", "--processes", "2", "--data-dir"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*line, str(directory)], env=ENVIRONMENT, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    @property
    def endpoints(self) -> dict[str, Any]:
        """What the stack says about itself now."""
        found: dict[str, Any] = json.loads((self.directory / "endpoints.json").read_text())
        return found

    @property
    def front_door(self) -> str:
        """Where the pages are."""
        found: str = self.endpoints["front_door"]
        return found

    def wait_until_ready(self) -> None:
        """Return when it says so; fail with what was printed when the command ends instead."""
        eventually(lambda: self.process.poll() is not None or "Ctrl-C stops" in self.output.read_text())
        assert self.process.poll() is None, self.output.read_text()

    def wait_until_healthy(self) -> None:
        """Return when every part is ready again after a disturbance."""
        ready = [url.replace("/metrics", "/readyz") for url in self.endpoints["metrics"]]
        eventually(lambda: all(_answers(url) for url in ready))

    def end(self) -> None:
        """Stop everything, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_SECONDS)

    def mails(self, person: Person) -> list[str]:
        """The links in the mails to somebody, newest first."""
        return [_found(r"https?://\S+/email/\S+", text) for text in self._received("mailbox", person.email)]

    def codes(self, person: Person) -> list[str]:
        """The codes in the messages to somebody, newest first."""
        return [_found(r"\b[0-9]{6}\b", text) for text in self._received("sms", person.phone)]

    def register(self, person: Person, key: str) -> Receipt:
        """Send somebody's data as a program does, under an idempotency key."""
        request = urllib.request.Request(  # noqa: S310 - the URL is the stack's own
            f"{self.front_door}/api/v1/registrations",
            data=json.dumps(typed(person)).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the URL is the stack's own
            replayed = answer.headers.get("Idempotency-Replayed") == "true"
            return Receipt(json.load(answer)["handle"], replayed)

    def _received(self, box: str, address: str) -> list[str]:
        url = f"{self.endpoints[box]}/api/messages?{urllib.parse.urlencode({'to': address})}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the URL is the stack's own
            return [message["text"] for message in json.load(answer)]


class Phone:
    """One browser window of an applicant. `troubles` are things that no page may ever do."""

    def __init__(self, context: BrowserContext, stack: Stack, language: Language) -> None:
        self.stack = stack
        self.language = language
        self.context = context
        self.troubles: list[str] = []
        self.may_visit = [stack.front_door]
        self._documents: set[str] = set()
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.troubles.append(f"script error: {error.error}"))
        self.page = context.new_page()

    @property
    def handle(self) -> str:
        """The handle in the address bar, on a receipt."""
        return _found(r"(?<=/r/)[^/?#]+", self.page.url)

    @property
    def key(self) -> str:
        """The idempotency key of the form that is open."""
        return self.page.locator("input[name=key]").input_value()

    @property
    def focused(self) -> str:
        """The id of the element that has the focus."""
        found: str = self.page.evaluate("document.activeElement.id")
        return found

    def visit(self, address: str) -> int:
        """Go to an address or a path on the front door; gives the status."""
        response = self.page.goto(urllib.parse.urljoin(self.stack.front_door, address))
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
        """Press Send on the form."""
        return self.press({"id": "Kirim", "en": "Send"}[self.language])

    def fill(self, person: Person, **other: str) -> None:
        """Type somebody's data into the form, or what is given instead."""
        for field, value in (typed(person) | other).items():
            self.page.locator(f"#{field}").fill(value)

    def apply(self, person: Person, **other: str) -> None:
        """Open the form, fill it in and send it, up to the receipt."""
        assert self.visit("/") == 200
        self.fill(person, **other)
        assert self.send().status == 200
        assert self.handle

    def values(self) -> dict[str, str]:
        """What stands in the form."""
        return {field: self.page.locator(f"#{field}").input_value() for field in typed(make_person(0, 0))}

    def check(self, kind: str) -> Locator:
        """One check on the receipt: `nik`, `email` or `phone`."""
        return self.page.locator(f"section[aria-labelledby={kind}-title]")

    def word(self, kind: str) -> str:
        """The state of one check, or of the `overall`, in words."""
        return self.page.locator(f"#{kind}-title .word").inner_text()

    def reload_until(self, kind: str, word: str) -> None:
        """Open the receipt again and again until it says so."""

        def is_said() -> bool:
            self.page.goto(f"{self.stack.front_door}/r/{self.handle}")
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
        if request.is_navigation_request():
            self._documents.add(request.url)
        if not request.url.startswith(tuple(self.may_visit)):
            self.troubles.append(f"request to elsewhere: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if not (message.text.startswith(STATUS_OF_A_PAGE) and message.location["url"] in self._documents):
            self.troubles.append(f"console: {message.text}")


class Phones:
    """Makes phones, each as new, and has them put away at the end of the test."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self._browser = browser
        self._stack = stack
        self.made: list[Phone] = []

    def new(self, language: Language, *, script: bool) -> Phone:
        """A phone set to a language, with JavaScript or without."""
        context = self._browser.new_context(
            viewport={"width": 360, "height": 640},
            java_script_enabled=script,
            locale=LOCALES[language],
            timezone_id="Asia/Jakarta",
            has_touch=True,
        )
        context.set_default_timeout(DEADLINE_SECONDS * 1000)
        self.made.append(Phone(context, self._stack, language))
        return self.made[-1]


def typed(person: Person) -> dict[str, str]:
    """Somebody's data as one would type it, in the order of the form."""
    return {
        "name": person.name,
        "birth_place": person.birth_place,
        "birth_date": person.birth_date.isoformat(),
        "nik": person.nik,
        "email": person.email,
        "phone": person.phone,
    }


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - the URL is the stack's own
            return True
    except OSError:
        return False


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"no {pattern} in {text}"
    return match[0]


_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def chromium() -> Path:
    """The browser's program; without it these tests say why they are skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"the browser tests need Chromium at {CHROMIUM} (Debian: apt install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all browser tests."""
    running = Stack(tmp_path_factory.mktemp("browser") / "data")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """One browser for a module: while it runs, its event loop would be in the way of other folders' async tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


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
def person() -> Person:
    """Somebody who did not register yet."""
    return make_person(PEOPLE_SEED, next(_numbers))
