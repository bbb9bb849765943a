"""Around every handler: errors become answers, security headers go on every response, requests are counted.

Programs (paths under /api/) get problem documents, people get pages.
"""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from ingest import problems, requests
from ingest.pages import Pages
from monitoring.metrics import Metrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not no-referrer: with that, browsers send "Origin: null" with our own forms, which then look foreign.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "gelombang",
}


def answering(*, pages: Pages, metrics: Metrics, retry_after_seconds: float) -> Middleware:
    """The middleware, over the parts that an answer needs."""

    def answer(request: web.Request, error: Exception) -> web.Response:
        problem = problems.classify(error, retry_after_seconds=retry_after_seconds)
        if problem.code == "internal_error":
            metrics.bugs.labels("handler").inc()
        language = requests.language(request)
        if request.path.startswith("/api/"):
            content_type, body = "application/problem+json", problems.document(problem, language)
        else:
            content_type = "text/html; charset=utf-8"
            body = pages.problem(language, problem.code, wait_seconds=problem.retry_after_seconds)
        return web.Response(
            status=problem.status,
            body=body,
            headers={"Content-Type": content_type, "Content-Language": language, **problem.headers},
        )

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        response: web.StreamResponse
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = error if error.status < 400 else answer(request, error)  # noqa: PLR2004 - a redirect is no error
        except Exception as error:  # noqa: BLE001 - the boundary: `classify` knows every error
            response = answer(request, error)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        route = _route(request)
        metrics.requests.labels(route, str(response.status)).inc()
        metrics.request_seconds.labels(route).observe(time.perf_counter() - started)
        return response

    return middleware


def _route(request: web.Request) -> str:
    """The route's pattern, never the path, which holds handles and tokens."""
    resource = request.match_info.route.resource
    return "none" if resource is None else f"{request.method} {resource.canonical}"
