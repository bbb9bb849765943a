"""Every message an applicant can get, once, in Indonesian and English, by a language-free code.

The texts are the TOML files beside this one, both languages side by side, so that they can be read and corrected
without reading code. A code begins with the name of its file: `problem.not_found.title`, `field.nik_format`,
`check.reason.name_mismatch.action`, `page.form.submit`. The same word can be a code in several files (`not_found` is a
page's problem and a check's reason), so the helpers below add the beginning.

An unknown code is a bug and raises KeyError. Nothing here blocks once `catalogue` has been read (at start, by `Pages`).
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from registration.checks import Kind, Overall, State

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")

_FILES = ("problem", "field", "check", "page")
_HEADER_LIMIT_CHARACTERS = 200
"""What a browser sends is shorter; the rest of a longer header is not read, so that it costs and caches nothing."""
_QUALITY = re.compile(r"\A(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")  # RFC 9110, 12.4.2
_INDONESIAN = frozenset({"id", "in"})
"""`in` is the code of before 1989, which older Android phones still send."""
_SECONDS_SHOWN_UP_TO = 119
_SECONDS_ROUNDED_TO = 5
_SOON_SECONDS = 180
_HOUR_SECONDS = 3_600
_MINUTES_SHOWN_UP_TO = 90


class ProblemText(msgspec.Struct, frozen=True):
    """Title and detail of a problem document (RFC 9457), or heading and text of a page."""

    title: str
    detail: str


class Advice(msgspec.Struct, frozen=True):
    """What something means, and what the applicant should do."""

    meaning: str
    action: str


class StateText(msgspec.Struct, frozen=True):
    """A state as one or two words, with what it means and what the applicant should do."""

    word: str
    meaning: str
    action: str


def choose_language(accept_language: str | None) -> Language:
    """English when the Accept-Language header prefers it to Indonesian, else Indonesian; garbage counts as absent."""
    return "id" if not accept_language else _choose(accept_language[:_HEADER_LIMIT_CHARACTERS])


def text(code: str, language: Language) -> str:
    """The text of a full code, for example `page.form.submit`; raises KeyError for an unknown one."""
    return catalogue()[code][language]


def problem(code: str, language: Language) -> ProblemText:
    """Title and detail for a problem code, for example `key_reused`."""
    return ProblemText(
        title=text(f"problem.{code}.title", language),
        detail=text(f"problem.{code}.detail", language),
    )


def field_message(code: str, language: Language) -> str:
    """What is wrong with a field and how to mend it, for example `nik_format`."""
    return text(f"field.{code}", language)


def reason(code: str, language: Language) -> Advice:
    """Why a check was rejected, for example `name_mismatch`."""
    return Advice(
        meaning=text(f"check.reason.{code}.meaning", language),
        action=text(f"check.reason.{code}.action", language),
    )


def check_state(kind: Kind, state: State, language: Language) -> StateText:
    """The state of one check."""
    return StateText(
        word=text(f"check.word.{state}", language),
        meaning=text(f"check.{kind}.{state}.meaning", language),
        action=text(f"check.{kind}.{state}.action", language),
    )


def overall_state(state: Overall, language: Language) -> StateText:
    """The state of a whole registration."""
    return StateText(
        word=text(f"check.overall.{state}.word", language),
        meaning=text(f"check.overall.{state}.meaning", language),
        action=text(f"check.overall.{state}.action", language),
    )


def wait(seconds: float, language: Language) -> str:
    """A sentence that says when to try again: never earlier than `seconds`, rounded up to what a person can use."""
    if seconds <= _SECONDS_SHOWN_UP_TO:
        count = max(1, math.ceil(seconds / _SECONDS_ROUNDED_TO)) * _SECONDS_ROUNDED_TO
        return text("page.wait.seconds", language).format(count=count)
    return text("page.wait.minutes", language).format(count=math.ceil(seconds / 60))


def forecast(seconds: float, language: Language) -> str:
    """A sentence that says how long something usually takes, rounded up: five minutes, then a quarter, then an hour."""
    if seconds <= _SOON_SECONDS:
        return text("page.forecast.soon", language)
    step = 5 if seconds <= _HOUR_SECONDS / 2 else 15
    minutes = math.ceil(seconds / 60 / step) * step
    if minutes <= _MINUTES_SHOWN_UP_TO:
        return text("page.forecast.minutes", language).format(count=minutes)
    return text("page.forecast.hours", language).format(count=math.ceil(seconds / _HOUR_SECONDS))


@cache
def catalogue() -> Mapping[str, Mapping[Language, str]]:
    """All texts by full code. Reads the files on the first call; raises ValueError when one is malformed."""
    texts: dict[str, Mapping[Language, str]] = {}
    for name in _FILES:
        tables = tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        texts.update(_leaves(name, tables))
    return MappingProxyType(texts)


def _leaves(code: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[Language, str]]]:
    """The entries of a TOML table that hold one text in each language, however deep."""
    if table.keys() == set(LANGUAGES):
        yield code, {language: str(table[language]) for language in LANGUAGES}
        return
    for key, inner in table.items():
        if not isinstance(inner, dict):
            raise ValueError(f"{code}.{key}: a text needs exactly the languages {', '.join(LANGUAGES)}")  # noqa: TRY004 - the file is wrong, not a caller's type
        yield from _leaves(f"{code}.{key}", inner)


@lru_cache(maxsize=256)
def _choose(accept_language: str) -> Language:
    """The default wins a tie: `en, id` says that both will do."""
    indonesian = english = 0.0
    for item in accept_language.split(","):
        tag, quality = _language_range(item)
        if tag in _INDONESIAN:
            indonesian = max(indonesian, quality)
        elif tag == "en":
            english = max(english, quality)
    return "en" if english > indonesian else "id"


def _language_range(item: str) -> tuple[str, float]:
    """`en-GB; q=0.8` → (`en`, 0.8); what is malformed has quality 0, which means "not acceptable"."""
    tag, _, parameter = item.strip().lower().partition(";")
    primary = tag.strip().partition("-")[0]
    if not parameter:
        return primary, 1.0
    name, _, value = parameter.strip().partition("=")
    quality = value.strip()
    return primary, float(quality) if name.strip() == "q" and _QUALITY.match(quality) else 0.0
