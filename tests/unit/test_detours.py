"""Which addresses are sent through the fault proxy, and what takes their place."""

import pytest

from gelombang import detours
from simulators.fault_proxy.link import Route


@pytest.mark.parametrize(
    ("name", "url", "upstream", "through"),
    [
        (
            "postgresql",
            "postgresql://gelombang@/gelombang?host=/data/run/pg",
            "unix:/data/run/pg/.s.PGSQL.5432",
            "postgresql://gelombang@127.0.0.1:7000/gelombang",
        ),
        (
            "postgresql",
            "postgresql://user:secret@db.internal:6432/registrations",
            "db.internal:6432",
            "postgresql://user:secret@127.0.0.1:7000/registrations",
        ),
        ("valkey", "unix:///data/run/valkey.sock", "unix:/data/run/valkey.sock", "redis://127.0.0.1:7000"),
        ("valkey", "redis://cache/1", "cache:6379", "redis://127.0.0.1:7000/1"),
        ("ministry", "http://127.0.0.1:8081", "127.0.0.1:8081", "http://127.0.0.1:7000"),
        ("smtp", "smtp://127.0.0.1:2525", "127.0.0.1:2525", "smtp://127.0.0.1:7000"),
    ],
)
def test_an_address_is_led_through_the_proxy(name: str, url: str, upstream: str, through: str) -> None:
    """Same user, same database, another host and port; and the proxy knows where the straight way goes."""
    variable = detours.VARIABLES[name]
    (detour,) = detours.plan({variable: url}, host="127.0.0.1", port=lambda: 7000)
    assert (detour.variable, detour.url) == (variable, through)
    assert Route.parse(detour.option.removeprefix("--link=")) == Route(name, 7000, upstream)


@pytest.mark.parametrize("url", ["rediss://cache:6380", "smtps://relay:465", ""])
def test_what_cannot_be_led_keeps_its_address(url: str) -> None:
    """TLS would not believe the proxy's name, and what is not set needs no proxy."""
    assert detours.plan({"GELOMBANG_REDIS_URL": url, "GELOMBANG_SMTP_URL": url}, host="h", port=lambda: 1) == []
