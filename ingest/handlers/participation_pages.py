"""The pages of the test and the wave, complete without JavaScript: begin, answer, send, join, and the result."""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from ingest import problems, requests, wording
from ingest.handlers.html import form_fields, html, see_other
from ingest.origin import require_own_site
from ingest.pages import Pages
from ingest.pages.views import AssessmentView
from ingest.participation import AssessmentState, Participation, state_of
from ingest.routing import Request
from registration.assessment import OPTIONS, QUESTIONS
from registration.errors import Overloaded, Rejected, Retryable
from registration.handles import Handles
from registration.settings import Settings

_ANSWER = "q"
_NOTICES = frozenset({"saved", "joined"})


class ParticipationPages:
    """Handlers over what they need."""

    def __init__(self, *, settings: Settings, participation: Participation, handles: Handles, pages: Pages) -> None:
        self._participation = participation
        self._handles = handles
        self._pages = pages
        self._minutes = settings.test_minutes
        self._body_timeout_seconds = settings.body_timeout_seconds
        self._retry_after_seconds = settings.retry_after_seconds

    async def test(self, request: Request) -> web.Response:
        """GET /r/{handle}/test: whatever comes next: begin, the questions, the score, joining, the result."""
        asked = request.query.get("notice", "")
        notice = wording.text(f"page.notice.{asked}", requests.language(request)) if asked in _NOTICES else None
        return await self._page(request, self._registration_id(request), notice)

    async def start(self, request: Request) -> web.Response:
        """POST /r/{handle}/test: the button to begin."""
        require_own_site(request)
        registration_id = self._registration_id(request)
        try:
            await self._participation.start(registration_id)
        except (Rejected, Overloaded, Retryable) as error:
            return await self._refused(request, registration_id, error)
        return self._back(request)

    async def answer(self, request: Request) -> web.Response:
        """POST /r/{handle}/test/answer: save what is chosen and, with the other button, end the test."""
        require_own_site(request)
        registration_id = self._registration_id(request)
        fields = await form_fields(request, timeout_seconds=self._body_timeout_seconds)
        try:
            await self._participation.answer(registration_id, _given(fields))
            if fields.get("then") == "submit":
                await self._participation.submit(registration_id)
        except (Rejected, Overloaded, Retryable) as error:
            return await self._refused(request, registration_id, error)
        return self._back(request, "" if fields.get("then") == "submit" else "saved")

    async def join(self, request: Request) -> web.Response:
        """POST /r/{handle}/join: the button to join."""
        require_own_site(request)
        registration_id = self._registration_id(request)
        wave = (await form_fields(request, timeout_seconds=self._body_timeout_seconds)).get("wave", "")
        try:
            if not (wave.isascii() and wave.isdigit() and len(wave) < 9):  # noqa: PLR2004 - fits an integer
                raise Rejected("wave_not_open")  # noqa: TRY301 - one place says why not
            await self._participation.join(registration_id, int(wave))
        except (Rejected, Overloaded, Retryable) as error:
            return await self._refused(request, registration_id, error)
        return self._back(request, "joined")

    def _registration_id(self, request: Request) -> UUID:
        return requests.registration_id(request, self._handles)

    async def _refused(self, request: Request, registration_id: UUID, error: Exception) -> web.Response:
        """The same page with the reason, under the reason's status: nothing of the applicant's is gone."""
        problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
        detail = wording.problem(problem.code, requests.language(request)).detail
        response = await self._page(request, registration_id, detail)
        response.set_status(problem.status)
        response.headers.update(problem.headers)
        return response

    async def _page(self, request: Request, registration_id: UUID, notice: str | None) -> web.Response:
        progress = await self._participation.progress(registration_id)
        attempt = progress.attempt
        state = state_of(attempt)
        running = attempt is not None and state is AssessmentState.RUNNING
        view = AssessmentView(
            handle=request.captured,
            progress=progress,
            test=state,
            minutes=self._minutes,
            questions=self._participation.paper(registration_id, attempt) if attempt is not None and running else (),
            notice=notice,
        )
        response = html(self._pages.assessment(requests.language(request), view))
        response.headers["Cache-Control"] = "private, no-store"
        return response

    def _back(self, request: Request, notice: str = "") -> web.Response:
        query = f"?lang={requests.language(request)}" + (f"&notice={notice}" if notice else "")
        return see_other(f"/r/{request.captured}/test{query}")


def _given(fields: Mapping[str, str]) -> Mapping[int, int]:
    """The chosen options by question; what names no option of ours is passed over."""
    options = {str(place): place for place in range(OPTIONS)}
    chosen = {place: options.get(fields.get(f"{_ANSWER}{place}", "")) for place in range(QUESTIONS)}
    return {place: option for place, option in chosen.items() if option is not None}
