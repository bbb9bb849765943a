"""The pages that need no handle, complete without JavaScript: form, mail link, static files."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import msgspec
from aiohttp import web

from ingest import problems, requests, wording
from ingest.answers import Answers
from ingest.clients import ClientNetworks
from ingest.handlers.html import form_fields, html, see_other, submission_of, typed_again, without_referrer
from ingest.intake import Intake
from ingest.origin import COOKIE, FormTokens
from ingest.pages import EmailLinkView, FormView, Pages
from ingest.routing import Request
from ingest.wording import Language
from registration.applicant import Submission
from registration.errors import FieldError, Overloaded, Rejected, Retryable
from registration.handles import Handles
from registration.mail_domains import suggestion
from registration.settings import Settings
from registration.store import intake as store

_COOKIE_SECONDS = 86_400
_FORM_NOTICES = {"overloaded": "busy", "key_in_flight": "unsure", "dependency_down": "unsure"}
"""What the form says above what was typed, by problem code: press Send again, nothing is lost or stored twice."""
_LOOKS_AT_THE_FIRST_PRESS = 20
_LOOK_SECONDS = 0.25


class PageHandlers:
    """Handlers over what they need."""

    def __init__(
        self,
        *,
        settings: Settings,
        intake: Intake,
        answers: Answers,
        handles: Handles,
        pages: Pages,
        tokens: FormTokens,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._answers = answers
        self._handles = handles
        self._pages = pages
        self._tokens = tokens
        self._networks = ClientNetworks(settings.trusted_proxies)
        self._is_secure = settings.public_url.startswith("https:")

    async def form(self, request: Request) -> web.Response:
        """GET /: a blank form with an idempotency key of its own."""
        cookie = self._tokens.cookie(request)
        page = self._pages.blank_form(requests.language(request), key=uuid4().hex, csrf=self._tokens.token(cookie))
        return self._with_cookie(html(page), cookie)

    async def submit(self, request: Request) -> web.Response:
        """POST /: take in the form and go to its receipt; else the form again with everything kept and all said."""
        fields = await form_fields(request, timeout_seconds=self._settings.body_timeout_seconds)
        self._tokens.require(request, fields.get("csrf", ""))
        key = requests.require_idempotency_key(fields.get("key", ""))
        if fields.get("use_email"):  # the button beside what was probably meant
            fields = {**fields, "email": fields["use_email"]}
        submission = submission_of(fields)
        try:
            self._ask_about_email(fields, submission)
            accepted = await self._register(request, key, submission)
        except (Rejected, Overloaded, Retryable) as error:
            if isinstance(error, Rejected) and error.code != "fields_wrong":
                raise
            return self._form_again(request, fields, submission, error)
        handle = self._handles.sign(accepted.id)
        return see_other(f"/r/{handle}?lang={requests.language(request)}")

    async def email_link(self, request: Request) -> web.Response:
        """GET /email/{token}: a button, since mail scanners follow links too."""
        language = requests.language(request)
        link = await self._answers.look_at_link(request.captured)
        page = self._pages.email_done(language) if link.used else self._pages.email_link(language, EmailLinkView())
        return without_referrer(html(page))

    async def follow_link(self, request: Request) -> web.Response:
        """POST /email/{token}: the button was pressed."""
        await self._answers.follow_link(request.captured)
        return without_referrer(html(self._pages.email_done(requests.language(request))))

    async def asset(self, request: Request) -> web.Response:
        """GET /assets/…: the static files, each under an address that changes with its content."""
        asset = self._pages.assets.get(request.raw_path.partition("?")[0])
        if asset is None:
            raise Rejected("not_found")
        headers = {
            "Content-Type": asset.content_type,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=asset.content, headers=headers)
        return web.Response(body=asset.compressed, headers={**headers, "Content-Encoding": "gzip"})

    async def _register(self, request: Request, key: str, submission: Submission) -> store.Accepted:
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

    def _ask_about_email(self, fields: Mapping[str, str], submission: Submission) -> None:
        """Raise `Rejected` once for an address that looks mistyped, together with everything else that is wrong."""
        if suggestion(submission.email) is None or fields.get("asked_email") == submission.email:
            return
        doubt = FieldError("email", "email_domain_doubt")
        try:
            self._intake.examine(submission)
        except Rejected as error:
            raise Rejected("fields_wrong", (*error.fields, doubt)) from error
        raise Rejected("fields_wrong", (doubt,))

    def _form_again(
        self,
        request: Request,
        fields: Mapping[str, str],
        submission: Submission,
        error: Rejected | Overloaded | Retryable,
    ) -> web.Response:
        language = requests.language(request)
        problem = problems.classify(error, retry_after_seconds=self._settings.retry_after_seconds)
        cookie = self._tokens.cookie(request)
        view = FormView(
            key=fields["key"],
            csrf=self._tokens.token(cookie),
            notice=None if problem.fields else _notice(problem.code, language),
            email_meant=suggestion(submission.email),
            **msgspec.structs.asdict(typed_again(submission, problem.fields, language)),
        )
        response = html(self._pages.form(language, view), status=problem.status)
        response.headers.update(problem.headers)
        return self._with_cookie(response, cookie)

    def _with_cookie(self, response: web.Response, cookie: str) -> web.Response:
        response.set_cookie(
            COOKIE, cookie, max_age=_COOKIE_SECONDS, httponly=True, samesite="Lax", secure=self._is_secure
        )
        return response


def _notice(code: str, language: Language) -> str:
    known = _FORM_NOTICES.get(code)
    return wording.text(f"page.notice.{known}", language) if known else wording.problem(code, language).detail
