"""Nothing personal leaves the sealed column: canaries are planted, then all files and metrics are searched."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.stack import Stack, call, eventually, running, someone

KEPT_BY_STAND_INS = ("mailbox", "sms", "ministry")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, since its servers are stopped in the middle; it logs every request."""
    told = {"GELOMBANG_REQUEST_LOG_EVERY": "1"}
    with running(tmp_path_factory.mktemp("privacy") / "data", environment=told) as started:
        yield started


def test_planted_canaries_are_found_nowhere(quiet: Stack) -> None:
    """Names, NIK, mail, phone, tokens and codes are in no file of PostgreSQL or Valkey, no log and no metric."""
    person = someone(
        name="Kenarisatu Burungkuning", birth_place="Kenaridua", email=f"k{secrets.token_hex(8)}@kenari.example"
    )
    handle = quiet.register(person).json["handle"]
    # Also on the ways that lead to errors: a server that goes away, a registry that answers nonsense, wrong input.
    broken = someone(name="Kenaritiga Burunghijau", email="tidak-ada@bounce.example")
    broken = type(broken)(
        **{**{f: getattr(broken, f) for f in broken.__struct_fields__}, "nik": broken.nik[:12] + "9200"}
    )
    other = quiet.register(broken).json["handle"]
    eventually(lambda: quiet.status(handle)["checks"]["nik"]["state"] == "verified")
    eventually(lambda: quiet.status(other)["checks"]["nik"]["state"] == "delayed")
    link, code = _secrets(quiet, person)
    quiet.confirm(person, handle)
    quiet.register(someone(email="kenariempat"))
    quiet.kill("postgresql")
    failed = quiet.register(someone(name="Kenarilima")).status == 503
    metrics = b"".join(call("GET", url).body for url in quiet.endpoints["metrics"])
    quiet.end()

    logs = b"".join(path.read_bytes() for path in (quiet.directory / "logs").glob("ingest-*.log"))
    assert b'"event":"request"' in logs
    assert not failed or b'"event":"request failed"' in logs
    words = {
        "name": "Kenarisatu",
        "second name": "Kenaritiga",
        "third name": "Kenarilima",
        "birth place": "Kenaridua",
        "NIK": person.nik,
        "NIK of a failed check": broken.nik,
        "e-mail": person.email,
        "wrong e-mail": "kenariempat",
        "phone": person.phone[3:],
        "link": link.rpartition("/")[2],
        "code": code,
        "handle": handle,
    }
    assert _found(words, {"metrics": metrics}) == []
    assert _found(words, {str(path): path.read_bytes() for path in _files(quiet.directory)}) == []


def test_the_search_would_find_a_canary(tmp_path: Path) -> None:
    """The test above can fail: a canary in any of the spellings is found."""
    for spelling in (b"Kenarisatu", b"KENARISATU", base64.b64encode(b"Kenarisatu")[:-3], b"Kenarisatu".hex().encode()):
        (tmp_path / "file").write_bytes(b"\x00" * 10 + spelling + b"\x00")
        assert _found({"name": "Kenarisatu"}, {"file": (tmp_path / "file").read_bytes()}) == ["name in file"]


def _secrets(stack: Stack, person: object) -> tuple[str, str]:
    eventually(lambda: bool(stack.links(person) and stack.codes(person)))  # type: ignore[arg-type]
    return stack.links(person)[0], stack.codes(person)[0]  # type: ignore[arg-type]


def _files(directory: Path) -> Iterator[Path]:
    """Everything that the stack wrote, but for the keys and what the terminal was told."""
    return (
        path for path in directory.rglob("*") if path.is_file() and path.name not in {"keys.json", "endpoints.json"}
    )


def _found(words: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    hits = []
    for place, content in places.items():
        lower = content.lower()
        for name, word in words.items():
            # A six-digit code may stand by chance in binary files; there it is looked for as text of a message.
            spellings = [f" {word}".encode()] if len(word) == 6 else _spellings(word)
            hits += [f"{name} in {place}" for spelling in spellings if spelling in lower][:1]
    return hits


def _spellings(word: str) -> list[bytes]:
    raw = word.encode()
    # Without the last characters of base64: they depend on what follows.
    return [raw.lower(), base64.b64encode(raw)[:-3].lower(), raw.hex().encode()]
