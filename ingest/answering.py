"""Around every handler: errors become answers, security headers go on every answer, requests are counted and logged.

Guarantee: every request gets an answer from here, also one that is no HTTP at all. Programs (paths under /api/) get
problem documents, people get pages.
"""

import time

from aiohttp import web

from ingest import problems, requests
from ingest.headers import secure
from ingest.pages import Pages
from ingest.prepared import Head, Prepared
from ingest.problems import Problem
from ingest.request_log import RequestLog
from ingest.routing import Answer, Request, Router
from ingest.wording import Language
from monitoring.metrics import Metrics

_UNROUTED = "none"
_PROBLEM_TYPE = "application/problem+json"


class Answering:
    """Answers requests by the router's handlers."""

    def __init__(
        self, *, router: Router, pages: Pages, metrics: Metrics, request_log: RequestLog, retry_after_seconds: float
    ) -> None:
        self._router = router
        self._request_log = request_log
        self._heads: dict[tuple[int, Language], Head] = {}
        self._pages = pages
        self._metrics = metrics
        self._retry_after_seconds = retry_after_seconds

    async def answer(self, request: Request) -> Answer:
        """Answer one request; never raises."""
        started = time.perf_counter()
        name = _UNROUTED
        response: Answer
        try:
            route, request.captured = self._router.resolve(request.method, request.raw_path.partition("?")[0])
            name = route.name
            response = await route.handler(request)
        except Exception as error:  # noqa: BLE001 - the boundary: `classify` knows every error
            problem = self._classify(error)
            if request.raw_path.startswith("/api/"):
                response = self._refuse_program(request, problem)
            else:
                response = self.refuse(request, problem)
        self._finish(response, name, time.perf_counter() - started - request.awaited_seconds)
        return response

    def malformed(self, request: web.BaseRequest) -> web.Response:
        """Answer what could not be read as HTTP; the connection ends with it."""
        response = self.refuse(request, Problem("request_malformed"))
        self._finish(response, _UNROUTED, 0.0)
        response.force_close()
        return response

    def refuse(self, request: web.BaseRequest, problem: Problem) -> web.Response:
        """The answer that tells a problem, in the reader's language."""
        language = requests.language(request)
        if request.raw_path.startswith("/api/"):
            content_type, body = _PROBLEM_TYPE, problems.document(problem, language)
        else:
            content_type = "text/html; charset=utf-8"
            body = self._pages.problem(language, problem.code, wait_seconds=problem.retry_after_seconds)
        headers = {"Content-Type": content_type, "Content-Language": language, **problem.headers}
        return web.Response(status=problem.status, body=body, headers=headers)

    def _refuse_program(self, request: web.BaseRequest, problem: Problem) -> Prepared:
        """As `refuse`, at less cost: when the door is full, this is what a crowd gets."""
        language = requests.language(request)
        head = self._heads.get((problem.status, language))
        if head is None:
            fixed = {"Content-Type": _PROBLEM_TYPE, "Content-Language": language}
            head = self._heads[problem.status, language] = Head(problem.status, fixed)
        return Prepared(head, problems.document(problem, language), problem.headers)

    def _classify(self, error: Exception) -> Problem:
        problem = problems.classify(error, retry_after_seconds=self._retry_after_seconds)
        if problem.code == "internal_error":
            self._metrics.bugs.labels("handler").inc()
        return problem

    def _finish(self, response: Answer, route: str, seconds: float) -> None:
        if isinstance(response, web.Response):
            secure(response.headers)
        # The route's pattern, never the path, which holds handles and tokens.
        self._metrics.requests.observe(route, response.status, seconds)
        self._request_log.note(route, response.status, seconds)
