"""Whether a form was sent from our own page (cross-site request forgery).

Two independent signs are asked for: what the browser says of the sender (Sec-Fetch-Site, Origin), and a token bound to
a cookie that another site can neither read nor set. An address that holds a handle needs only the first, and a mail
link neither: nobody can forge a request to an address that they do not know.
"""

import base64
import hmac
import os
from urllib.parse import urlsplit

from aiohttp import web

from registration.errors import Rejected
from registration.sealing import KeyRing

COOKIE = "form"
_COOKIE_BYTES = 16
_OWN_SITES = frozenset({"same-origin", "none"})


class FormTokens:
    """Makes the pair of cookie and token, and recognises it."""

    def __init__(self, ring: KeyRing) -> None:
        self._key = ring.derive("form token")

    def cookie(self, request: web.BaseRequest) -> str:
        """The visitor's cookie, or a new one."""
        return request.cookies.get(COOKIE) or base64.urlsafe_b64encode(os.urandom(_COOKIE_BYTES)).decode()

    def token(self, cookie: str) -> str:
        """The token that belongs to a cookie."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, cookie.encode(), "sha256")).decode()

    def require(self, request: web.BaseRequest, token: str) -> None:
        """Raise `Rejected("csrf")` unless form and cookie belong together and the browser names no other site."""
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or not hmac.compare_digest(self.token(cookie).encode(), token.encode()):
            raise Rejected("csrf")
        require_own_site(request)


def require_own_site(request: web.BaseRequest) -> None:
    """Raise `Rejected("csrf")` when the browser says that another site sent this; programs say nothing and pass."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN_SITES:
        raise Rejected("csrf")
    origin = request.headers.get("Origin")
    if origin is not None and _host(origin) != request.host:
        raise Rejected("csrf")


def _host(origin: str) -> str:
    """Host and port of an Origin header; empty for `null` and for what is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
