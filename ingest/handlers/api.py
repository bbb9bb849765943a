"""The JSON interface of docs/api.md: register, status, phone code, new link or code."""

import hashlib
from datetime import datetime

import msgspec
from aiohttp import web

from ingest import requests
from ingest.answers import Answers
from ingest.intake import Intake
from ingest.routing import Request
from registration import applicant
from registration.checks import Kind, overall
from registration.errors import FieldError, Rejected
from registration.handles import Handles
from registration.settings import Settings
from registration.store import intake as store
from registration.store.database import Database

PATH = "/api/v1/registrations"
_ETAG_BYTES = 12


class ReceiptBody(msgspec.Struct, frozen=True):
    """202: the registration is committed."""

    handle: str
    status_url: str
    received_at: datetime


class CheckBody(msgspec.Struct, frozen=True):
    """One check."""

    state: str
    reason: str | None
    updated_at: datetime


class StatusBody(msgspec.Struct, frozen=True):
    """Where a registration stands."""

    received_at: datetime
    state: str
    checks: dict[str, CheckBody]


class CodeBody(msgspec.Struct, frozen=True):
    """A typed phone code."""

    code: str


class Api:
    """Handlers over what they need."""

    def __init__(
        self, *, settings: Settings, intake: Intake, answers: Answers, database: Database, handles: Handles
    ) -> None:
        self._intake = intake
        self._answers = answers
        self._database = database
        self._handles = handles
        self._status_prefix = f"{settings.public_url.rstrip('/')}{PATH}/"
        self._body_timeout_seconds = settings.body_timeout_seconds

    async def register(self, request: Request) -> web.Response:
        """POST: take in a registration."""
        key = requests.idempotency_key(request)
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        receipt = await self._intake.register(key, applicant.parse(body))
        handle = self._handles.sign(receipt.registration_id)
        answer = ReceiptBody(handle, self._status_prefix + handle, receipt.received_at)
        response = _json(answer, status=202)
        if receipt.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def status(self, request: Request) -> web.Response:
        """GET: where a registration stands; 304 when nothing has changed since."""
        status = await store.read_status(self._database, requests.registration_id(request, self._handles))
        if status is None:
            raise Rejected("not_found")
        response = _json(_status_body(status))
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["ETag"] = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[: 2 * _ETAG_BYTES]}"'  # type: ignore[arg-type]  # ours is bytes
        if response.headers["ETag"] in request.headers.get("If-None-Match", ""):
            return web.Response(
                status=304, headers={name: response.headers[name] for name in ("ETag", "Cache-Control")}
            )
        return response

    async def type_code(self, request: Request) -> web.Response:
        """POST …/phone: check a typed code."""
        registration_id = requests.registration_id(request, self._handles)
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        await self._answers.type_code(registration_id, _code(body))
        return await self.status(request)

    async def send_code(self, request: Request) -> web.Response:
        """POST …/phone-code: send a new code."""
        await self._answers.ask_again(Kind.PHONE, requests.registration_id(request, self._handles))
        return await self.status(request)

    async def send_link(self, request: Request) -> web.Response:
        """POST …/email-link: send the link again."""
        await self._answers.ask_again(Kind.EMAIL, requests.registration_id(request, self._handles))
        return await self.status(request)


def _code(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=CodeBody).code
    except msgspec.ValidationError:
        raise Rejected("fields_wrong", (FieldError("code", "type"),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("json_malformed") from None


def _status_body(status: store.Status) -> StatusBody:
    return StatusBody(
        received_at=status.received_at,
        state=overall(status.checks).value,
        checks={
            kind.value: CheckBody(check.state.value, check.reason, check.updated_at)
            for kind, check in status.checks.items()
        },
    )


def _json(body: msgspec.Struct, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
