"""Dates and times as people here write them: WIB, month names, no abbreviations. Pure."""

from datetime import datetime, timedelta, timezone

from ingest.wording import Language, text

WIB = timezone(timedelta(hours=7), "WIB")
"""Waktu Indonesia Barat, without daylight saving: the time that the programme's announcements use."""

_MONTHS: dict[Language, tuple[str, ...]] = {
    "id": (
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
        *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


def month_name(month: int, language: Language) -> str:
    """The name of month 1–12."""
    return _MONTHS[language][month - 1]


def moment_in_words(moment: datetime, language: Language) -> str:
    """`11 April 2020, pukul 16.00 WIB`; `moment` must carry a time zone."""
    local = moment.astimezone(WIB)
    return text("page.moment", language).format(
        day=local.day,
        month=month_name(local.month, language),
        year=local.year,
        hour=f"{local:%H}",
        minute=f"{local:%M}",
    )


def moment_for_machines(moment: datetime) -> str:
    """The same moment for `<time datetime>`: ISO 8601 in WIB, whole seconds."""
    return moment.astimezone(WIB).isoformat(timespec="seconds")
