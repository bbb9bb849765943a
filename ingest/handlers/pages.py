"""The pages for people, complete without JavaScript: form, receipt and status, mail link."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from aiohttp import web

from ingest import problems, requests, wording
from ingest.answers import Answers
from ingest.clients import ClientNetworks
from ingest.intake import Intake, Receipt
from ingest.origin import COOKIE, FormTokens, require_own_site
from ingest.pages import CheckView, EmailLinkView, FieldProblem, FormView, Pages, StatusView, nik_in_words
from ingest.routing import Request
from ingest.wording import Language
from registration import applicant, nik
from registration.checks import Kind, overall
from registration.errors import Overloaded, Rejected, Retryable
from registration.handles import Handles
from registration.settings import Settings
from registration.store import intake as store
from registration.store.database import Database

_COOKIE_SECONDS = 86_400
_HTML = "text/html"
_NOTICES = frozenset({"code_sent", "link_sent"})
_FORM_NOTICES = {"overloaded": "busy", "key_in_flight": "unsure", "dependency_down": "unsure"}
"""What the form says above what was typed, by problem code: press Send again, nothing is lost or stored twice."""
_LOOKS_AT_THE_FIRST_PRESS = 20
_LOOK_SECONDS = 0.25


class PageHandlers:
    """Handlers over what they need."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        intake: Intake,
        answers: Answers,
        database: Database,
        handles: Handles,
        pages: Pages,
        tokens: FormTokens,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._answers = answers
        self._database = database
        self._handles = handles
        self._pages = pages
        self._tokens = tokens
        self._networks = ClientNetworks(settings.trusted_proxies)
        self._public_url = settings.public_url.rstrip("/")

    async def form(self, request: Request) -> web.Response:
        """GET /: a blank form with an idempotency key of its own."""
        cookie = self._tokens.cookie(request)
        page = self._pages.blank_form(requests.language(request), key=uuid4().hex, csrf=self._tokens.token(cookie))
        return self._with_cookie(_html(page), cookie)

    async def submit(self, request: Request) -> web.Response:
        """POST /: take in the form and go to its receipt; else the form again with everything kept and all said."""
        fields = await self._form_fields(request)
        self._tokens.require(request, fields.get("csrf", ""))
        key = requests.require_idempotency_key(fields.get("key", ""))
        submission = _submission(fields)
        try:
            receipt = await self._register(request, key, submission)
        except (Rejected, Overloaded, Retryable) as error:
            if isinstance(error, Rejected) and error.code != "fields_wrong":
                raise
            return self._form_again(request, fields, submission, error)
        handle = self._handles.sign(receipt.registration_id)
        return _see_other(f"/r/{handle}?lang={requests.language(request)}")

    async def status(self, request: Request) -> web.Response:
        """GET /r/{handle}: the receipt, and where the checks stand."""
        return await self._status_page(request, requests.registration_id(request, self._handles))

    async def type_code(self, request: Request) -> web.Response:
        """POST /r/{handle}/phone: check the typed code; what is wrong with it is said beside it."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        code = (await self._form_fields(request)).get("code", "")
        try:
            await self._answers.type_code(registration_id, code)
        except (Rejected, Overloaded) as error:
            said = wording.problem(error.code, requests.language(request)).detail
            response = await self._status_page(request, registration_id, code_problem=said)
            response.set_status(problems.STATUS[error.code])
            return response
        return self._back_to_status(request)

    async def send_code(self, request: Request) -> web.Response:
        """POST /r/{handle}/phone-code: send a new code."""
        return await self._ask_again(request, Kind.PHONE, notice="code_sent")

    async def send_link(self, request: Request) -> web.Response:
        """POST /r/{handle}/email-link: send the link again."""
        return await self._ask_again(request, Kind.EMAIL, notice="link_sent")

    async def email_link(self, request: Request) -> web.Response:
        """GET /email/{token}: a button, since mail scanners follow links too."""
        language = requests.language(request)
        link = await self._answers.look_at_link(request.captured)
        page = self._pages.email_done(language) if link.used else self._pages.email_link(language, EmailLinkView())
        return _without_referrer(_html(page))

    async def follow_link(self, request: Request) -> web.Response:
        """POST /email/{token}: the button was pressed."""
        await self._answers.follow_link(request.captured)
        return _without_referrer(_html(self._pages.email_done(requests.language(request))))

    async def asset(self, request: Request) -> web.Response:
        """GET /assets/…: the stylesheet, under an address that changes with its content."""
        asset = self._pages.assets.get(request.raw_path.partition("?")[0])
        if asset is None:
            raise Rejected("not_found")
        headers = {"Content-Type": asset.content_type, "Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=asset.content, headers=headers)

    async def _register(self, request: Request, key: str, submission: applicant.Submission) -> Receipt:
        """Take the form in. A second press of Send, while the first is being stored, waits for the first one's outcome.

        The browser shows only the answer to the last press, so that one has to be the receipt.
        """
        network = self._networks.ipv6_network(request)
        for _ in range(_LOOKS_AT_THE_FIRST_PRESS):
            try:
                return await self._intake.register(key, submission, network=network)
            except Overloaded as error:
                if error.code != "key_in_flight":
                    raise
                await asyncio.sleep(_LOOK_SECONDS)
        return await self._intake.register(key, submission, network=network)

    async def _ask_again(self, request: Request, kind: Kind, *, notice: str) -> web.Response:
        """Send anew, and say so; at the limit the status says that, since there one sees how to go on."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        try:
            await self._answers.ask_again(kind, registration_id)
        except Overloaded as error:
            problem = problems.classify(error, retry_after_seconds=self._settings.retry_after_seconds)
            said = wording.problem(problem.code, requests.language(request)).detail
            response = await self._status_page(request, registration_id, notice=said)
            response.set_status(problem.status)
            response.headers.update(problem.headers)
            return response
        return self._back_to_status(request, notice)

    async def _form_fields(self, request: Request) -> Mapping[str, str]:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Rejected("request_malformed")
        body = await requests.body(request, timeout_seconds=self._settings.body_timeout_seconds)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=50)
        except ValueError:
            raise Rejected("request_malformed") from None
        fields = dict(pairs)
        fields["confirm"] = " ".join(value for name, value in pairs if name == "confirm")
        return fields

    def _form_again(
        self,
        request: Request,
        fields: Mapping[str, str],
        submission: applicant.Submission,
        error: Rejected | Overloaded | Retryable,
    ) -> web.Response:
        language = requests.language(request)
        problem = problems.classify(error, retry_after_seconds=self._settings.retry_after_seconds)
        cookie = self._tokens.cookie(request)
        view = FormView(
            key=fields["key"],
            csrf=self._tokens.token(cookie),
            values={name: getattr(submission, name) for name in applicant.FIELDS},
            errors=tuple(
                FieldProblem(wrong.field, wrong.code, wording.field_message(wrong.code, language))
                for wrong in problem.fields
            ),
            notice=None if problem.fields else _form_notice(problem.code, language),
            nik_says=_nik_says(submission, language),
            confirmed=frozenset(submission.confirm),
        )
        response = _html(self._pages.form(language, view), status=problem.status)
        response.headers.update(problem.headers)
        return self._with_cookie(response, cookie)

    async def _status_page(
        self,
        request: Request,
        registration_id: UUID,
        *,
        code_problem: str | None = None,
        notice: str | None = None,
    ) -> web.Response:
        status = await store.read_status(self._database, registration_id)
        if status is None:
            raise Rejected("not_found")
        language = requests.language(request)
        handle = request.captured
        asked = request.query.get("notice", "")
        if asked in _NOTICES:
            notice = wording.text(f"page.notice.{asked}", language)
        view = StatusView(
            handle=handle,
            address=f"{self._public_url}/r/{handle}",
            received_at=status.received_at,
            state=overall(status.checks),
            checks=tuple(
                CheckView(kind=kind, state=check.state, reason=check.reason, updated_at=check.updated_at)
                for kind, check in status.checks.items()
            ),
            notice=notice,
            code_problem=code_problem,
        )
        return _html(self._pages.status(language, view))

    def _back_to_status(self, request: Request, notice: str = "") -> web.Response:
        query = f"?lang={requests.language(request)}" + (f"&notice={notice}" if notice else "")
        return _see_other(f"/r/{request.captured}{query}")

    def _with_cookie(self, response: web.Response, cookie: str) -> web.Response:
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=self._public_url.startswith("https:"),
        )
        return response


def _submission(fields: Mapping[str, str]) -> applicant.Submission:
    texts = {name: fields.get(name, "") for name in applicant.FIELDS}
    return applicant.Submission(**texts, confirm=tuple(fields["confirm"].split()))


def _form_notice(code: str, language: Language) -> str:
    known = _FORM_NOTICES.get(code)
    return wording.text(f"page.notice.{known}", language) if known else wording.problem(code, language).detail


def _nik_says(submission: applicant.Submission, language: Language) -> str | None:
    """What the NIK says, in words, where it can be read at all."""
    try:
        number = nik.parse(submission.nik.replace(" ", ""))
    except nik.NikFormatError:
        return None
    return nik_in_words(number, applicant.birth_date_or_none(submission), language)


def _html(page: bytes, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=page, content_type=_HTML, charset="utf-8")


def _without_referrer(response: web.Response) -> web.Response:
    """The address of this page holds a secret."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _see_other(location: str) -> web.Response:
    """After a form: the browser gets the page, so that reloading sends nothing twice."""
    return web.Response(status=303, headers={"Location": location})
