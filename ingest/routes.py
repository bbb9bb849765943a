"""All addresses of the public port."""

from ingest.handlers import api
from ingest.handlers.pages import PageHandlers
from ingest.handlers.participation_api import ParticipationApi
from ingest.handlers.participation_pages import ParticipationPages
from ingest.handlers.photos import PhotoHandlers
from ingest.handlers.receipts import Receipts
from ingest.operations import OPENAPI_PATH
from ingest.routing import REGISTRATIONS, Router


def routes(
    *,
    programs: api.Api,
    people: PageHandlers,
    receipts: Receipts,
    photos: PhotoHandlers,
    participation_api: ParticipationApi,
    participation_pages: ParticipationPages,
) -> Router:
    """The router of the front door."""
    router = Router()
    one = f"{REGISTRATIONS}/{{handle}}"
    router.add("POST", REGISTRATIONS, programs.register)
    router.add("GET", one, programs.status)
    router.add("PATCH", one, programs.correct)
    router.add("POST", f"{one}/phone", programs.type_code)
    router.add("POST", f"{one}/phone-code", programs.send_code)
    router.add("POST", f"{one}/email-link", programs.send_link)
    router.add("POST", f"{one}/student", programs.ask_whether_student)
    router.add("PUT", f"{one}/photo", photos.put)
    router.add("GET", f"{one}/wave", participation_api.progress)
    router.add("GET", f"{one}/test", participation_api.test)
    router.add("POST", f"{one}/test", participation_api.start)
    router.add("POST", f"{one}/test/answer", participation_api.answer)
    router.add("POST", f"{one}/test/submit", participation_api.submit)
    router.add("POST", f"{one}/join", participation_api.join)
    router.add("GET", OPENAPI_PATH, programs.openapi)

    router.add("GET", "/", people.form)
    router.add("POST", "/", people.submit)
    router.add("GET", "/r/{handle}", receipts.status)
    router.add("POST", "/r/{handle}/correction", receipts.correct)
    router.add("POST", "/r/{handle}/phone", receipts.type_code)
    router.add("POST", "/r/{handle}/phone-code", receipts.send_code)
    router.add("POST", "/r/{handle}/email-link", receipts.send_link)
    router.add("POST", "/r/{handle}/student", receipts.ask_whether_student)
    router.add("POST", "/r/{handle}/photo", photos.submit)
    router.add("GET", "/r/{handle}/test", participation_pages.test)
    router.add("POST", "/r/{handle}/test", participation_pages.start)
    router.add("POST", "/r/{handle}/test/answer", participation_pages.answer)
    router.add("POST", "/r/{handle}/join", participation_pages.join)
    router.add("GET", "/email/{token}", people.email_link)
    router.add("POST", "/email/{token}", people.follow_link)
    router.add("GET", "/assets/{name}", people.asset)
    return router
