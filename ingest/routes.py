"""Which address leads to which handler."""

from aiohttp import web

from ingest.handlers import api
from ingest.handlers.pages import PageHandlers


def add_routes(router: web.UrlDispatcher, *, programs: api.Api, people: PageHandlers) -> None:
    """All routes of the public port."""
    one = f"{api.PATH}/{{handle}}"
    router.add_post(api.PATH, programs.register)
    router.add_get(one, programs.status)
    router.add_post(f"{one}/phone", programs.type_code)
    router.add_post(f"{one}/phone-code", programs.send_code)
    router.add_post(f"{one}/email-link", programs.send_link)

    router.add_get("/", people.form)
    router.add_post("/", people.submit)
    router.add_get("/r/{handle}", people.status)
    router.add_post("/r/{handle}/phone", people.type_code)
    router.add_post("/r/{handle}/phone-code", people.send_code)
    router.add_post("/r/{handle}/email-link", people.send_link)
    router.add_get("/email/{token}", people.email_link)
    router.add_post("/email/{token}", people.follow_link)
    router.add_get("/assets/{name}", people.asset)
