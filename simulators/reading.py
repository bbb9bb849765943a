"""The HTTP side that mailbox and SMS share: messages as JSON for programs, as pages for people.

It only reads what `received` holds; nothing is lost if the process dies that was not lost anyway.
"""

import re

import msgspec
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from simulators.received import Received

PAGE_LENGTH = 100
API_LENGTH = 1_000
_HEADERS = {
    # Whatever a message holds, the page runs no script and loads nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # A link in a mail is a secret: the front door must not learn from where it was opened.
    "Referrer-Policy": "no-referrer",
}
# Ends before the punctuation of the sentence that the link stands in.
_LINK = re.compile(r"(https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]])")


class ReadingRoom:
    """Routes to read a box: `/`, `/messages/{number}`, `/api/messages` (GET and DELETE), `/api/counts`, `/livez`."""

    def __init__(self, received: Received, *, title: str) -> None:
        self._received = received
        self._title = title
        pages = Environment(loader=PackageLoader("simulators", "pages"), autoescape=True, undefined=StrictUndefined)
        pages.filters["linked"] = linked
        self._list_page = pages.get_template("list.html")
        self._message_page = pages.get_template("message.html")

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application of the box."""
        return [
            web.get("/", self._show_list),
            web.get("/messages/{number:[0-9]{1,15}}", self._show_message),
            web.get("/api/messages", self._list_as_json),
            web.delete("/api/messages", self._delete),
            web.get("/api/counts", self._count),
            web.get("/livez", livez),
        ]

    async def _list_as_json(self, request: web.Request) -> web.Response:
        address = _address(request)
        found = self._received.newest_to(address, API_LENGTH) if address else self._received.newest(API_LENGTH)
        body = msgspec.json.encode([message for _, message in found])
        return web.Response(body=body, content_type="application/json")

    async def _count(self, _request: web.Request) -> web.Response:
        """How many messages each address has had: `{address: count}`."""
        return web.Response(body=msgspec.json.encode(self._received.counts), content_type="application/json")

    async def _delete(self, _request: web.Request) -> web.Response:
        self._received.clear()
        return web.Response(status=204)

    async def _show_list(self, request: web.Request) -> web.Response:
        address = _address(request)
        found = self._received.newest_to(address, PAGE_LENGTH) if address else self._received.newest(PAGE_LENGTH)
        page = self._list_page.render(title=self._title, address=address, found=found, total=len(self._received))
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    async def _show_message(self, request: web.Request) -> web.Response:
        message = self._received.get(int(request.match_info["number"]))
        page = self._message_page.render(title=self._title, message=message)
        return web.Response(text=page, content_type="text/html", headers=_HEADERS, status=200 if message else 404)


async def livez(_request: web.Request) -> web.Response:
    """Answer that the process is alive; every stand-in has this route."""
    return web.Response(text="ok\n")


def linked(text: str) -> Markup:
    """`text`, escaped, with its web addresses clickable."""
    parts = _LINK.split(text)
    # `split` with one group alternates: text, link, text, …
    return Markup().join(_anchor(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def _anchor(link: str) -> Markup:
    return Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>').format(link)


def _address(request: web.Request) -> str:
    """The address asked for; no address has a space, so a space was a '+' that the query string spoilt."""
    return request.query.get("to", "").rstrip().replace(" ", "+")
