"""The static files of the pages, at addresses that change with their content, so that browsers may keep them for ever.

Read and compressed once at start; immutable afterwards. The scripts are plain modules, written by hand; before each
stands one line with the words it says, in the page's language, so that script and words are one request, and before two
of them what they share.
"""

import gzip
import hashlib
from importlib import resources

import msgspec

from ingest import wording
from ingest.pages.moments import month_name
from ingest.pages.nik_words import region_names
from ingest.wording import Language
from registration.mail_domains import MAIL_DOMAINS, MAIL_MISTAKES

_PACKAGE = "ingest.pages"
_DIGEST_CHARACTERS = 12
_MONTHS = range(1, 13)
_NIK_WORDS = ("year_unsure", "female", "male", "region_unknown")
_SCRIPT = "text/javascript; charset=utf-8"
_PATIENT = frozenset({"photo", "test"})  # scripts that ask until there is an answer


class Asset(msgspec.Struct, frozen=True):
    """One file: serve `content` at `path` with `Cache-Control: public, max-age=31536000, immutable`."""

    path: str
    content_type: str
    content: bytes
    compressed: bytes


def stylesheet() -> Asset:
    """The one stylesheet."""
    return _asset("style", "css", "text/css; charset=utf-8", _read("style.css"))


def icon() -> Asset:
    """The sign in the browser's tab."""
    return _asset("icon", "svg", "image/svg+xml", _read("icon.svg"))


def regions() -> Asset:
    """The names of provinces and regencies, for who has begun to type a NIK."""
    return _asset("regions", "json", "application/json", msgspec.json.encode(region_names()))


def script(name: str, language: Language) -> Asset:
    """A module from script/ with the words it says."""
    more_words = {"form": _form_words, "status": _status_words}.get(name)
    words = {**_texts(f"page.script.{name}.", language), **(more_words(language) if more_words else {})}
    line = b"const WORDS = " + msgspec.json.encode(words) + b";\n"
    shared_code = _read("script/patience.js") if name in _PATIENT else b""
    return _asset(f"{name}-{language}", "js", _SCRIPT, line + shared_code + _read(f"script/{name}.js"))


def _form_words(language: Language) -> dict[str, object]:
    """What the form's script says in the same words as the server."""
    return {
        "months": [month_name(month, language) for month in _MONTHS],
        "nik_says": wording.text("page.nik_says.sentence", language),
        **{name: wording.text(f"page.nik_says.{name}", language) for name in _NIK_WORDS},
        "fields": _texts("field.", language),
        "confirm": {
            code: text for code, text in _texts("page.form.confirm.", language).items() if code.startswith("nik_")
        },
        "confirm_label": wording.text("page.form.confirm.label", language),
        "confirm_hint": wording.text("page.form.confirm.hint", language),
        "wrong": wording.problem("fields_wrong", language).detail,
        "mail_domains": MAIL_DOMAINS,
        "mail_mistakes": dict(MAIL_MISTAKES),
    }


def _status_words(language: Language) -> dict[str, object]:
    """What the status page's script says in the same words as the server."""
    return {
        "months": [month_name(month, language) for month in _MONTHS],
        "moment": wording.text("page.moment", language),
        "zones": _texts("page.zone.", language),
    }


def _texts(prefix: str, language: Language) -> dict[str, str]:
    """All texts whose code begins so, by the rest of the code."""
    found = wording.catalogue().items()
    return {code.removeprefix(prefix): texts[language] for code, texts in found if code.startswith(prefix)}


def _read(name: str) -> bytes:
    return resources.files(_PACKAGE).joinpath(name).read_bytes()


def _asset(stem: str, suffix: str, content_type: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]
    return Asset(
        path=f"/assets/{stem}-{digest}.{suffix}",
        content_type=content_type,
        content=content,
        compressed=gzip.compress(content, mtime=0),
    )
