"""Dates and times as people here write them: their zone's time, month names, no abbreviations. Pure."""

from datetime import datetime, timedelta, timezone

from ingest.wording import Language, text

ZONES = {name: timezone(timedelta(hours=hours), name) for name, hours in (("WIB", 7), ("WITA", 8), ("WIT", 9))}
"""Western, central and eastern Indonesia, none with daylight saving. The programme's announcements use WIB."""

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


def moment_in_words(moment: datetime, language: Language, zone: str = "WIB") -> str:
    """`11 April 2020, pukul 16.00 WIB`; `moment` must carry a time zone."""
    local = moment.astimezone(ZONES[zone])
    return text("page.moment", language).format(
        day=local.day,
        month=month_name(local.month, language),
        year=local.year,
        hour=f"{local:%H}",
        minute=f"{local:%M}",
        zone=text(f"page.zone.{zone}", language),
    )


def moment_for_machines(moment: datetime) -> str:
    """The same moment for `<time datetime>`: ISO 8601 in WIB, whole seconds."""
    return moment.astimezone(ZONES["WIB"]).isoformat(timespec="seconds")
