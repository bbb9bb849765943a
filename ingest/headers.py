"""Headers that every answer carries, errors included."""

from multidict import CIMultiDict

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not no-referrer: with that, browsers send "Origin: null" with our own forms, which then look foreign.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "gelombang",
}


def secure(headers: CIMultiDict[str]) -> None:
    """Add what a handler has not set itself."""
    for name, value in SECURITY.items():
        headers.setdefault(name, value)
