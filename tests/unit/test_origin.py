"""Forms are taken from our own page only: the full matrix of what a browser says, cookie and token."""

import itertools

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from ingest.origin import COOKIE, FormTokens, require_own_site
from registration.errors import Rejected
from registration.sealing import KeyRing

HOST = "daftar.example"
RING = KeyRing.generate()
COOKIE_VALUE = "a-cookie-of-ours"

SITES = {None: True, "same-origin": True, "none": True, "same-site": False, "cross-site": False, "": False, "x": False}
ORIGINS = {
    None: True,
    f"https://{HOST}": True,
    f"http://{HOST}": True,
    "null": False,
    "": False,
    "https://evil.example": False,
    f"https://{HOST}.evil.example": False,
    f"https://evil.example/{HOST}": False,
    f"https://evil.example?{HOST}": False,
    f"https://{HOST}@evil.example": False,
    f"https://evil@{HOST}": False,
    f"https://www.{HOST}": False,
    f"https://{HOST}:8443": False,
    HOST: False,
}
# How cookie and token stand to each other.
PAIRS = {
    "belonging together": (True, True),
    "no cookie": (False, True),
    "empty token": (True, False),
    "another's token": (True, False),
    "neither": (False, False),
}


def request(**headers: str | None) -> web.Request:
    """A form that is sent, with the headers that are not None."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return make_mocked_request("POST", "/", headers={"Host": HOST, **named})


def passes(sent: web.Request, token: str | None = None, ring: KeyRing = RING) -> bool:
    try:
        if token is None:
            require_own_site(sent)
        else:
            FormTokens(ring).require(sent, token)
    except Rejected as error:
        return error.code != "csrf"
    return True


@pytest.mark.parametrize(("site", "origin"), list(itertools.product(SITES, ORIGINS)))
def test_another_site_is_refused_by_either_sign(site: str | None, origin: str | None) -> None:
    """Sec-Fetch-Site and Origin must both be ours, or silent as a program's."""
    expected = SITES[site] and ORIGINS[origin]

    assert expected == passes(request(Sec_Fetch_Site=site, Origin=origin))


@pytest.mark.parametrize(("site", "origin", "pair"), list(itertools.product(SITES, ORIGINS, PAIRS)))
def test_a_form_needs_both_signs_and_a_pair(site: str | None, origin: str | None, pair: str) -> None:
    """The full matrix: only our own page with cookie and token that belong together passes."""
    tokens = FormTokens(RING)
    with_cookie, with_token = PAIRS[pair]
    token = tokens.token(COOKIE_VALUE) if with_token else {"another's token": tokens.token("another")}.get(pair, "")
    sent = request(Sec_Fetch_Site=site, Origin=origin, Cookie=f"{COOKIE}={COOKIE_VALUE}" if with_cookie else None)
    expected = SITES[site] and ORIGINS[origin] and pair == "belonging together"

    assert expected == passes(sent, token)


@pytest.mark.parametrize("cookie", ["", '""'])
def test_an_empty_cookie_is_none(cookie: str) -> None:
    """A token for the empty cookie would be the same for everyone."""
    sent = request(Cookie=f"{COOKIE}={cookie}")

    assert not passes(sent, FormTokens(RING).token(""))


def test_a_token_of_another_ring_is_refused() -> None:
    """Whoever can set a cookie still cannot make its token."""
    sent = request(Cookie=f"{COOKIE}={COOKIE_VALUE}")

    assert not passes(sent, FormTokens(KeyRing.generate()).token(COOKIE_VALUE))


@pytest.mark.parametrize("token", ["ü", "\x00", "x" * 10_000, COOKIE_VALUE])
def test_any_text_as_token_is_refused(token: str) -> None:
    """It comes from a form, so it can be anything."""
    assert not passes(request(Cookie=f"{COOKIE}={COOKIE_VALUE}"), token)


def test_a_visitor_keeps_the_cookie_and_a_new_one_gets_a_new_one() -> None:
    """Two tabs of one visitor share the cookie, so both forms can be sent."""
    tokens = FormTokens(RING)

    assert tokens.cookie(request(Cookie=f"{COOKIE}={COOKIE_VALUE}")) == COOKIE_VALUE
    assert tokens.cookie(request()) != tokens.cookie(request())


@pytest.mark.parametrize("origin", ["http://[", "https://[::1", "http://]"])
def test_an_origin_that_is_no_address_is_refused(origin: str) -> None:
    """Whatever stands in the header, it is another site, not our bug."""
    assert not passes(request(Origin=origin))
