"""The page behind a handle, complete without JavaScript: receipt, status, and every repair: code, link, correction."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from uuid import UUID

import msgspec
from aiohttp import web

from ingest import problems, requests, wording
from ingest.answers import Answers
from ingest.clients import ClientNetworks
from ingest.corrections import Change, Corrections
from ingest.forecast import Forecast
from ingest.handlers.api import status_tag
from ingest.handlers.html import form_fields, html, see_other, submission_of, typed_again
from ingest.origin import require_own_site
from ingest.pages import ZONES, CheckView, Pages, StatusView, Typed
from ingest.routing import Request
from ingest.statuses import Statuses
from ingest.wording import Language
from registration.applicant import FIELDS
from registration.checks import Kind, State, correctable, overall
from registration.errors import FieldError, Overloaded, Rejected, Retryable
from registration.handles import Handles
from registration.settings import Settings
from registration.store.intake import Status

_NOTICES = frozenset({"code_sent", "link_sent", "corrected", "photo_sent", "checked_again"})


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a status page says beside the status."""

    notice: str | None = None
    code_problem: str | None = None
    photo_problem: str | None = None
    correction: Typed = Typed()


class Receipts:
    """Handlers over what they need."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        answers: Answers,
        corrections: Corrections,
        statuses: Statuses,
        handles: Handles,
        pages: Pages,
        forecast: Forecast,
    ) -> None:
        self._forecast = forecast
        self._answers = answers
        self._corrections = corrections
        self._statuses = statuses
        self._handles = handles
        self._pages = pages
        self._networks = ClientNetworks(settings.trusted_proxies)
        self._needed = settings.needed_checks
        self._takes_photos = bool(settings.objects_url)
        self._public_url = settings.public_url.rstrip("/")
        self._body_timeout_seconds = settings.body_timeout_seconds
        self._retry_after_seconds = settings.retry_after_seconds

    async def status(self, request: Request) -> web.Response:
        """GET /r/{handle}: the receipt, and where the checks stand."""
        asked = request.query.get("notice", "")
        notice = wording.text(f"page.notice.{asked}", requests.language(request)) if asked in _NOTICES else None
        return await self._page(request, requests.registration_id(request, self._handles), _Shown(notice=notice))

    async def type_code(self, request: Request) -> web.Response:
        """POST /r/{handle}/phone: check the typed code; what is wrong with it is said beside it."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        code = (await self._fields(request)).get("code", "")
        try:
            await self._answers.type_code(registration_id, code)
        except (Rejected, Overloaded) as error:
            shown = _Shown(code_problem=wording.problem(error.code, requests.language(request)).detail)
            return await self._page(request, registration_id, shown, error)
        return self.back(request)

    async def send_code(self, request: Request) -> web.Response:
        """POST /r/{handle}/phone-code: send a new code."""
        return await self._ask_again(request, partial(self._answers.ask_again, Kind.PHONE), notice="code_sent")

    async def send_link(self, request: Request) -> web.Response:
        """POST /r/{handle}/email-link: send the link again."""
        return await self._ask_again(request, partial(self._answers.ask_again, Kind.EMAIL), notice="link_sent")

    async def ask_whether_student(self, request: Request) -> web.Response:
        """POST /r/{handle}/student: have the check done again of somebody who was found to study."""
        return await self._ask_again(request, self._answers.ask_whether_student, notice="checked_again")

    async def correct(self, request: Request) -> web.Response:
        """POST /r/{handle}/correction: correct what was rejected; what is wrong with it is said beside it."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        fields = await self._fields(request)
        submission = submission_of(fields)
        change = Change({name: fields[name] for name in FIELDS if fields.get(name, "").strip()}, submission.confirm)
        language = requests.language(request)
        try:
            _require_any(change, fields)
            network = self._networks.ipv6_network(request)
            await self._corrections.correct(registration_id, change, network=network)
        except (Rejected, Overloaded, Retryable) as error:
            problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
            shown = _Shown(
                notice=None if problem.fields else wording.problem(problem.code, language).detail,
                correction=typed_again(submission, problem.fields, language),
            )
            return await self._page(request, registration_id, shown, error)
        return self.back(request, "corrected")

    async def refuse_photo(self, request: Request, registration_id: UUID, error: Exception) -> web.Response:
        """The status with what was wrong with a photo beside the form for it."""
        problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
        shown = _Shown(photo_problem=wording.problem(problem.code, requests.language(request)).detail)
        return await self._page(request, registration_id, shown, error)

    async def _ask_again(
        self, request: Request, ask: Callable[[UUID], Awaitable[None]], *, notice: str
    ) -> web.Response:
        """Send or check anew, and say so; at the limit the status says that, since there one sees how to go on."""
        require_own_site(request)
        registration_id = requests.registration_id(request, self._handles)
        try:
            await ask(registration_id)
        except Overloaded as error:
            shown = _Shown(notice=wording.problem(error.code, requests.language(request)).detail)
            return await self._page(request, registration_id, shown, error)
        return self.back(request, notice)

    async def _fields(self, request: Request) -> dict[str, str]:
        return dict(await form_fields(request, timeout_seconds=self._body_timeout_seconds))

    async def _page(
        self, request: Request, registration_id: UUID, shown: _Shown, error: Exception | None = None
    ) -> web.Response:
        """The status; after an error with its HTTP status, since the page says what was wrong."""
        status = await self._statuses.read(registration_id)
        if status is None:
            raise Rejected("not_found")
        handle = request.captured
        language = requests.language(request)
        zone = request.query.get("zone", "")
        view = StatusView(
            handle=handle,
            address=f"{self._public_url}/r/{handle}",
            received_at=status.received_at,
            state=overall(status.checks, self._needed),
            checks=tuple(
                CheckView(
                    kind=kind,
                    state=check.state,
                    reason=check.reason,
                    updated_at=check.updated_at,
                    fields=correctable(check),
                )
                for kind, check in status.checks.items()
            ),
            notice=shown.notice,
            code_problem=shown.code_problem,
            photo=self._photo(status),
            photo_problem=shown.photo_problem,
            correction=shown.correction,
            forecast=_forecast(self._forecast, status, language),
            tag=status_tag(status, self._needed),
            zone=zone if zone in ZONES else "WIB",
        )
        response = html(self._pages.status(language, view))
        if error is not None:
            problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
            response.set_status(problem.status)
            response.headers.update(problem.headers)
        return response

    def _photo(self, status: Status) -> str | None:
        """What is said of a photo that is not there; nothing where one is, or where none are taken."""
        if not self._takes_photos or Kind.PHOTO in status.checks:
            return None
        return "needed" if Kind.PHOTO in self._needed else "wanted"

    def back(self, request: Request, notice: str = "") -> web.Response:
        """To the page itself, after a form."""
        query = f"?lang={requests.language(request)}" + (f"&notice={notice}" if notice else "")
        query += f"&zone={zone}" if (zone := request.query.get("zone", "")) in ZONES else ""
        return see_other(f"/r/{request.captured}{query}")


def _require_any(change: Change, fields: Mapping[str, str]) -> None:
    """Raise `Rejected` when the form came empty; its first field is the one that the reason names."""
    asked = next((name for name in FIELDS if name in fields), None)
    if asked is not None and not change.fields:
        raise Rejected("fields_wrong", (FieldError(asked, "required"),))


def _forecast(forecast: Forecast, status: Status, language: Language) -> str | None:
    """When the NIK check will be done, in words; nothing where that is not known."""
    if status.checks[Kind.NIK].state is not State.PENDING:
        return None
    goes_first = status.checks[Kind.EMAIL].state is State.VERIFIED
    seconds = forecast.seconds_left(status.received_at, goes_first=goes_first)
    return None if seconds is None else wording.forecast(seconds, language)
