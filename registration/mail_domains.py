"""Mail domains that are easily mistyped, and what was probably meant: `gmial.com` → `gmail.com`.

Only ever a question to the applicant, never a refusal: whoever has such an address keeps it. The form's script does the
same (`ingest/pages/script/form.js`); a test compares the two.

Pure: standard library only.
"""

from collections.abc import Mapping
from types import MappingProxyType

# Providers that most applicants use, the likeliest first; and real ones that only look like a slip of these.
MAIL_DOMAINS = (
    *("gmail.com", "yahoo.com", "yahoo.co.id", "hotmail.com", "outlook.com", "icloud.com", "ymail.com"),
    *("live.com", "rocketmail.com", "outlook.co.id", "mail.com", "email.com", "gmx.com", "me.com"),
)
# Slips of more than one letter that are common all the same.
MAIL_MISTAKES: Mapping[str, str] = MappingProxyType(
    {"gmail.co.id": "gmail.com", "gmail.id": "gmail.com", "yahoo.id": "yahoo.co.id", "yahoo.com.id": "yahoo.co.id"}
)
_SWAPPED = 2


def suggestion(email: str) -> str | None:
    """The address that was probably meant, or None when nothing looks mistyped."""
    local, at, domain = email.strip(" ").rpartition("@")
    domain = domain.lower()
    if not at or not local or domain in MAIL_DOMAINS:
        return None
    meant = MAIL_MISTAKES.get(domain) or next((known for known in MAIL_DOMAINS if _is_one_slip(domain, known)), None)
    return f"{local}@{meant}" if meant else None


def _is_one_slip(typed: str, meant: str) -> bool:
    """One letter too many, too few or wrong, or two neighbours swapped."""
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    typed, meant = typed[start:], meant[start:]
    while typed and meant and typed[-1] == meant[-1]:
        typed, meant = typed[:-1], meant[:-1]
    if len(typed) == len(meant) == _SWAPPED:
        return typed == meant[::-1]
    return len(typed) < _SWAPPED and len(meant) < _SWAPPED
