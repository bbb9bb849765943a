"""Mistyped mail domains are asked about; right ones, known or not, never are."""

import pytest

from registration.mail_domains import MAIL_DOMAINS, suggestion


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmal.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("GMAIL.CON", "gmail.com"),
        ("gmail.co.id", "gmail.com"),
        ("yaho.com", "yahoo.com"),
        ("yahoo.co.di", "yahoo.co.id"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.com", "outlook.com"),
    ],
)
def test_a_slip_is_recognised(typed: str, meant: str) -> None:
    """One letter too many, too few, wrong, or two swapped; what stands before the @ stays as it is."""
    assert suggestion(f" Siti@x@{typed} ".replace("@x", ".x")) == f"Siti.x@{meant}"


@pytest.mark.parametrize(
    "domain", [*MAIL_DOMAINS, "ui.ac.id", "surel.example", "gmx.de", "kemnaker.go.id", "ymail.co.uk"]
)
def test_what_is_right_is_not_asked_about(domain: str) -> None:
    """Large providers, and everybody else's own domain."""
    assert suggestion(f"siti@{domain}") is None


@pytest.mark.parametrize("text", ["", "siti", "@gmial.com", "siti@"])
def test_what_is_no_address_has_no_suggestion(text: str) -> None:
    """The format's own check says what is wrong."""
    assert suggestion(text) is None
