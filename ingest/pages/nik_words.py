"""What a NIK says, in a sentence that its owner can compare with the card. Pure."""

from collections.abc import Mapping
from datetime import date

from ingest.pages.moments import month_name
from ingest.wording import Language, text
from registration.nik import Nik
from registration.regions import provinces, regencies

_CENTURY = 100
_ABBREVIATIONS = frozenset({"DKI", "DI"})


def nik_in_words(nik: Nik, birth_century_hint: date | None, language: Language) -> str:
    """Say birth date, sex and place of issue: "NIK Anda menyatakan: lahir 3 Februari 1990, perempuan, Kota Pontianak.".

    A NIK has two digits for the year; the four shown are those nearest to `birth_century_hint`, the date the applicant
    gave. Without it the sentence names the two digits only.
    """
    return text("page.nik_says.sentence", language).format(
        day=nik.day,
        month=month_name(nik.month, language),
        year=_year(nik, birth_century_hint, language),
        sex=text(f"page.nik_says.{nik.sex.value}", language),
        region=_region(nik, language),
    )


def _year(nik: Nik, hint: date | None, language: Language) -> str:
    if hint is None:
        return text("page.nik_says.year_unsure", language).format(year=f"{nik.year:02}")
    same_century = hint.year - hint.year % _CENTURY + nik.year
    candidates = (same_century - _CENTURY, same_century, same_century + _CENTURY)
    return str(min(candidates, key=lambda year: abs(year - hint.year)))


def region_names() -> Mapping[str, str]:
    """Every province and regency as people read it, by the first digits of a NIK: `{"6171": "Kota Pontianak"}`."""
    return {code: _title(name) for code, name in sorted({**provinces(), **regencies()}.items())}


def _region(nik: Nik, language: Language) -> str:
    """The regency of issue, else the province, else the code itself."""
    name = nik.regency_name or nik.province_name
    if name is None:
        return text("page.nik_says.region_unknown", language).format(code=nik.district_code[:4])
    return _title(name)


def _title(name: str) -> str:
    return " ".join(word if word in _ABBREVIATIONS else word.capitalize() for word in name.split())
