"""The call-centre page: find one registration by its receipt number, see it, send again, note a correction.

Guarantee: nothing is shown and nothing is done without a committed line in `subject_actions` that says who and why,
also when nothing was found. Everything is a POST, so that no receipt number stands in an address or a log. There is no
way to search for people. If the process dies between the line and the act, the line says more than was done; ask again.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources

import msgspec
from aiohttp import web

from ingest import problems, templating, wording
from ingest.answers import Answers
from ingest.desk.masking import Masked, masked
from ingest.desk.views import SENT_TO_PEOPLE, DeskView, checks_of, desk_view
from ingest.handlers.html import form_fields, html
from ingest.headers import secure
from ingest.origin import require_own_site
from monitoring.metrics import Metrics
from registration.applicant import FIELDS
from registration.checks import Kind, State
from registration.errors import Overloaded, Rejected, Retryable
from registration.handles import Handles
from registration.sealing import KeyRingError, SealedDataError, Sealer
from registration.settings import Settings
from registration.store import subjects
from registration.store.database import Database
from registration.store.subjects import Action, Held, Note

_Handler = Callable[[web.Request], Awaitable[web.Response]]

_PATH = "/desk"
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_MOST_CHARACTERS = 200
_ADDRESS_OF_A_RECEIPT = re.compile(r"/r/([^/?#]*)")
_NOTICES = {
    "sent": "Akan dikirim ulang dalam beberapa detik; yang lama tidak berlaku lagi.",
    "limit": "Tidak dikirim: batas per jam sudah tercapai. Coba lagi nanti.",
    "not_waiting": "Tidak dikirim: pemeriksaan ini tidak sedang menunggu pendaftar.",
    "noted": "Permintaan koreksi dicatat.",
    "no_fields": "Tidak dicatat: pilih dulu data mana yang harus dikoreksi.",
    "not_found": "Tidak ada pendaftaran dengan nomor ini. Periksa kembali nomor pada tanda terima.",
    "no_login": "Nama Anda tidak disampaikan oleh halaman masuk. Masuk lagi, atau beri tahu petugas jaga sistem.",
    "incomplete": "Isi nomor tanda terima, nama petugas, dan alasan: satu baris, paling banyak 200 huruf.",
}


class Office(msgspec.Struct, frozen=True):
    """What the page needs, once the process has it."""

    database: Database
    answers: Answers
    sealer: Sealer
    handles: Handles


class Visit(msgspec.Struct, frozen=True):
    """Which registration, who asks, and why."""

    handle: str = ""
    actor: str = ""
    reason: str = ""

    @property
    def whole(self) -> bool:
        """Whether all of it was typed, each as one printable line."""
        return bool(self.handle) and all(
            0 < len(text) <= _MOST_CHARACTERS and text.isprintable() for text in (self.actor, self.reason)
        )


class Desk:
    """Hand `routes` to the admin server, which starts first; until `open`, every answer is 503."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._user_header = settings.desk_user_header
        self._body_timeout_seconds = settings.body_timeout_seconds
        self._retry_after_seconds = settings.retry_after_seconds
        self._needed = settings.needed_checks
        self._bugs = metrics.bugs.labels("handler")
        self._office: Office | None = None
        self._stylesheet = resources.files(__package__).joinpath("style.css").read_bytes()
        self._template = templating.environment("ingest.desk").get_template("desk.html")
        self.routes = (
            web.get(_PATH, self._served(self._blank)),
            web.get(f"{_PATH}/style.css", self._served(self._style)),
            web.post(_PATH, self._served(self._look)),
            web.post(f"{_PATH}/resend", self._served(self._resend)),
            web.post(f"{_PATH}/note", self._served(self._note)),
        )

    def open(self, office: Office) -> None:
        """Serve from now on."""
        self._office = office

    async def _blank(self, _request: web.Request) -> web.Response:
        return self._page(Visit())

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._stylesheet, content_type="text/css", charset="utf-8")

    async def _look(self, request: web.Request) -> web.Response:
        visit, _ = await self._visit(request)
        held = await self._attend(Action.LOOK, visit)
        return self._found(visit, held, "")

    async def _resend(self, request: web.Request) -> web.Response:
        visit, fields = await self._visit(request)
        kind = next((kind for kind in SENT_TO_PEOPLE if kind == fields.get("kind")), None)
        if kind is None:
            raise Rejected("request_malformed")
        held = await self._attend(Action.RESEND, visit, kind)
        notice = await self._send(kind, held)
        return self._found(visit, await self._read_again(held), notice)

    async def _note(self, request: web.Request) -> web.Response:
        visit, fields = await self._visit(request)
        about = [name for name in FIELDS if fields.get(f"correct_{name}")]
        held = await self._attend(Action.NOTE if about else Action.LOOK, visit, *about)
        return self._found(visit, await self._read_again(held), "noted" if about else "no_fields")

    async def _visit(self, request: web.Request) -> tuple[Visit, Mapping[str, str]]:
        """Who asks for which registration, and the form's other fields; raises `_Refused` unless all is said."""
        require_own_site(request)
        fields = await form_fields(request, timeout_seconds=self._body_timeout_seconds)
        typed = fields.get("handle", "").strip()
        address = _ADDRESS_OF_A_RECEIPT.search(typed)
        actor = request.headers.get(self._user_header, "") if self._user_header else fields.get("actor", "")
        visit = Visit(
            handle=address[1] if address else typed,
            actor=actor.strip(),
            reason=fields.get("reason", "").strip(),
        )
        if self._user_header and not visit.actor:
            raise _Refused(visit, "no_login", 403)
        if not visit.whole:
            raise _Refused(visit, "incomplete", 422)
        return visit, fields

    async def _attend(self, action: Action, visit: Visit, *about: str) -> Held:
        """What is held, once it is noted who asks; raises `_Refused` when there is nothing, which is noted too."""
        office = self._opened()
        note = Note(actor=visit.actor, reason=visit.reason)
        registration_id = office.handles.verify(visit.handle)
        held = await subjects.attend(office.database, action, registration_id, note, about=about)
        if held is None:
            raise _Refused(visit, "not_found", 404)
        return held

    async def _read_again(self, held: Held) -> Held:
        """As it stands after an act; what was read before, should it have been erased in between."""
        return await subjects.read(self._opened().database, held.id) or held

    async def _send(self, kind: Kind, held: Held) -> str:
        """Send again within the applicant's own limits; returns the notice."""
        if checks_of(held)[kind].state is not State.SENT:
            return "not_waiting"
        try:
            await self._opened().answers.ask_again(kind, held.id)
        except Overloaded:
            return "limit"
        return "sent"

    def _found(self, visit: Visit, held: Held, notice: str) -> web.Response:
        view = desk_view(held, self._person(held), self._needed)
        return self._page(visit, view, notice=_NOTICES.get(notice, ""), status=429 if notice == "limit" else 200)

    def _person(self, held: Held) -> Masked | None:
        try:
            return masked(self._opened().sealer.unseal(held.sealed, held.id))
        except (KeyRingError, SealedDataError):
            return None

    def _opened(self) -> Office:
        if self._office is None:
            raise Retryable("starting")
        return self._office

    def _page(self, visit: Visit, view: DeskView | None = None, *, notice: str = "", status: int = 200) -> web.Response:
        page = self._template.render(
            visit=visit,
            view=view,
            notice=notice,
            asks_name=not self._user_header,
            fields={name: wording.text(f"page.form.{name}.label", "id") for name in FIELDS},
            kinds={kind: wording.text(f"page.status.{kind}", "id") for kind in Kind},
            most=_MOST_CHARACTERS,
        )
        return html(page.encode(), status=status)

    def _served(self, handler: _Handler) -> _Handler:
        async def serve(request: web.Request) -> web.Response:
            try:
                response = await handler(request)
            except _Refused as refused:
                response = self._page(refused.visit, notice=_NOTICES[refused.notice], status=refused.status)
            except Exception as error:  # noqa: BLE001 - the boundary: `classify` knows every error
                response = self._problem(error)
            response.headers["Content-Security-Policy"] = _POLICY
            secure(response.headers)
            return response

        return serve

    def _problem(self, error: Exception) -> web.Response:
        problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
        if problem.code == "internal_error":
            self._bugs.inc()
        response = self._page(Visit(), notice=wording.problem(problem.code, "id").detail, status=problem.status)
        response.headers.update(problem.headers)
        return response


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    """Nothing is shown: the form again, with a notice."""

    def __init__(self, visit: Visit, notice: str, status: int) -> None:
        super().__init__(notice)
        self.visit = visit
        self.notice = notice
        self.status = status
