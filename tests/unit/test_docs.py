"""The docs are true of the code, as far as a program can tell."""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from aiohttp import web

from gelombang.__main__ import app
from ingest.problems import STATUS
from ingest.routes import routes
from registration.checks import Reason

ROOT = Path(__file__).resolve().parent.parent.parent
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
HEADINGS = ["Context", "Choice", "Consequences", "What would reverse it"]
CODE_SUFFIXES = "py|sql|lua|sh|toml|csv"


def _pages() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.md")):
        if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts):
            yield path


PAGES = list(_pages())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _prose(text: str) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_to_a_file_that_is_there(page: Path) -> None:
    """Who follows a link inside the repository arrives, at the heading too."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@each_page
def test_every_source_file_that_is_named_is_there(page: Path) -> None:
    """A path in the docs is the end of the path of a file that exists."""
    named = re.findall(rf"`([\w./-]+/[\w.-]+\.(?:{CODE_SUFFIXES}))`", page.read_text(encoding="utf-8"))
    missing = [name for name in named if "NNNN" not in name and not _exists(name)]
    assert missing == []


def _exists(name: str) -> bool:
    folders = (ROOT, ROOT / "registration", ROOT / "registration" / "streams")
    return any((folder / name).exists() for folder in folders)


@each_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    """`gelombang …` in the docs is a command that the program has."""
    spoken = re.findall(
        r"(?:`|^    |\$ |bin/)gelombang ((?:[a-z|-]+ ?)+)", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    unknown = [words for words in spoken if not _is_command(words.split())]
    assert unknown == []


def _is_command(words: list[str]) -> bool:
    """Whether the words, up to the first option, lead from the program to a command."""
    command: Any = typer.main.get_command(app)
    for word in words:
        commands: Mapping[str, Any] = getattr(command, "commands", {})
        if word.startswith("-") or not commands:
            return True
        if not all(choice in commands for choice in word.split("|")):
            return False
        command = commands[word.split("|")[0]]
    return True


def test_generated_docs_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` has nothing to write."""
    stale = _generator().main(["--check"])
    assert (stale, capsys.readouterr().err) == (0, "")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem[:4])
def test_a_decision_has_its_four_headings_and_is_listed(decision: Path) -> None:
    """Whoever reads one decision knows where to look in the next."""
    text = decision.read_text(encoding="utf-8")
    title = f"# {decision.stem[:4]} "
    assert text.startswith(title)
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS
    index = decision.with_name("README.md").read_text(encoding="utf-8")
    assert f"[{decision.stem[:4]}]({decision.name}) | {text.splitlines()[0].removeprefix(title)} |" in index


def test_decisions_are_numbered_without_gaps() -> None:
    """The next number is the count plus one."""
    assert [path.stem[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


def test_the_interface_page_has_every_problem_with_its_status() -> None:
    """docs/api.md lists each code that the front door can answer, and no other."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", text, re.MULTILINE)}
    assert listed == STATUS


def test_the_interface_page_has_every_reason_and_every_address() -> None:
    """docs/api.md names each reason of a rejection and each route of the public port."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []
    assert [route for route in _routes() if f"`{route}`" not in text and f"`{route}` " not in text] == []


def _routes() -> Iterator[str]:
    handlers: Any = _AnyHandlers()
    router = routes(
        programs=handlers,
        people=handlers,
        receipts=handlers,
        photos=handlers,
        participation_api=handlers,
        participation_pages=handlers,
    )
    return (name for name in router.names() if not name.startswith("HEAD "))


class _AnyHandlers:
    """Stands for the handlers: only their addresses are of interest."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a handler of any name
        async def handler(request: web.Request) -> web.Response:
            raise AssertionError(f"{name} was called for {request.path}")

        return handler


def test_on_call_finds_every_cause() -> None:
    """docs/on-call.md explains each cause that a worker can give, once, and no other."""
    sources = [*(ROOT / "verify_workers").rglob("*.py"), *(ROOT / "registration" / "store").rglob("*.sql")]
    given = {
        cause
        for path in sources
        for cause in re.findall(r"""["']((?:ministry|mail|sms)_[a-z_]+)["']""", path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs" / "on-call.md").read_text(encoding="utf-8").partition("## Causes")[2]
    explained = [
        cause for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for cause in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(explained) == sorted(given | {"not_found", "poison", "key_missing", "data_unreadable"})


def test_terms_are_defined_once_in_alphabetical_order() -> None:
    """A word is found where it is looked for, and means one thing."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for term in re.findall(r"^\| ([^|]+?) \|", text, flags=re.MULTILINE)[1:]]
    assert terms == sorted(set(terms), key=lambda term: re.sub(r"[^a-z]", "", term))


def test_no_text_holds_the_marks_of_a_merge() -> None:
    """What two people wrote at once was made one."""
    texts = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    marked = [
        path.name for path in texts if re.search(r"^(<{7}|>{7}) ", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert marked == []


def test_migrations_are_numbered_without_gaps() -> None:
    """Two that were written at the same time do not share a number."""
    numbers = sorted(path.name[:4] for path in (ROOT / "registration" / "store" / "migrations").glob("*.sql"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
