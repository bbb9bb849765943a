"""The JSON interface of docs/api.md: register, status, correction, phone code, new link or code."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from aiohttp import web
from msgspec import Meta

from ingest import requests
from ingest.answers import Answers
from ingest.clients import ClientNetworks
from ingest.corrections import Corrections, read_change
from ingest.intake import Intake
from ingest.prepared import Head, Prepared
from ingest.routing import REGISTRATIONS, Request
from ingest.statuses import Statuses
from registration import applicant
from registration.checks import FROM_THE_START, Kind, Overall, Reason, State, overall
from registration.errors import FieldError, Rejected
from registration.handles import Handles
from registration.settings import Settings
from registration.store import intake as store

_ETAG_BYTES = 12


_encode = msgspec.json.Encoder().encode
_JSON = {"Content-Type": "application/json"}
_ACCEPTED = Head(202, _JSON)
_REPLAYED = {"Idempotency-Replayed": "true"}
_STATUS = Head(200, {**_JSON, "Cache-Control": "private, no-cache"})
_UNCHANGED = Head(304, {"Cache-Control": "private, no-cache"})


Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class ReceiptBody(msgspec.Struct, frozen=True):
    """The registration is committed."""

    handle: Annotated[str, Meta(description="The applicant's receipt; keep it secret", pattern="^[A-Za-z0-9_-]{40}$")]
    status_url: str
    received_at: Moment


class CheckBody(msgspec.Struct, frozen=True):
    """One check."""

    state: Annotated[str, Meta(extra_json_schema={"enum": list(State)})]
    reason: Annotated[str | None, Meta(description="Only when rejected", extra_json_schema={"enum": [*Reason, None]})]
    updated_at: Moment


class StatusBody(msgspec.Struct, frozen=True):
    """Where a registration stands."""

    received_at: Moment
    state: Annotated[str, Meta(extra_json_schema={"enum": list(Overall)})]
    checks: Annotated[
        dict[str, CheckBody],
        Meta(extra_json_schema={"required": list(FROM_THE_START), "propertyNames": {"enum": list(Kind)}}),
    ]


class CodeBody(msgspec.Struct, frozen=True):
    """A typed phone code."""

    code: str


class Api:
    """Handlers over what they need."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        settings: Settings,
        intake: Intake,
        answers: Answers,
        corrections: Corrections,
        statuses: Statuses,
        handles: Handles,
        openapi: bytes,
    ) -> None:
        self._openapi = openapi
        self._intake = intake
        self._answers = answers
        self._corrections = corrections
        self._statuses = statuses
        self._handles = handles
        self._needed = settings.needed_checks
        self._status_prefix = f"{settings.public_url.rstrip('/')}{REGISTRATIONS}/"
        self._body_timeout_seconds = settings.body_timeout_seconds
        self._networks = ClientNetworks(settings.trusted_proxies)

    async def register(self, request: Request) -> Prepared:
        """POST: take in a registration."""
        key = requests.idempotency_key(request)
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        network = self._networks.ipv6_network(request)
        accepted = await self._intake.register(key, applicant.parse(body), network=network)
        handle = self._handles.sign(accepted.id)
        answer = ReceiptBody(handle, self._status_prefix + handle, accepted.received_at)
        return Prepared(_ACCEPTED, _encode(answer), None if accepted.is_new else _REPLAYED)

    async def status(self, request: Request) -> Prepared:
        """GET: where a registration stands; 304 when nothing has changed since."""
        status = await self._statuses.read(requests.registration_id(request, self._handles))
        if status is None:
            raise Rejected("not_found")
        body = _encode(_status_body(status, self._needed))
        tag = _tag(body)
        unchanged = tag in request.headers.get("If-None-Match", "")
        return Prepared(_UNCHANGED if unchanged else _STATUS, body, {"ETag": tag})

    async def correct(self, request: Request) -> Prepared:
        """PATCH: correct what was rejected."""
        registration_id = requests.registration_id(request, self._handles)
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        network = self._networks.ipv6_network(request)
        await self._corrections.correct(registration_id, read_change(body), network=network)
        return await self.status(request)

    async def type_code(self, request: Request) -> Prepared:
        """POST …/phone: check a typed code."""
        registration_id = requests.registration_id(request, self._handles)
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        await self._answers.type_code(registration_id, _code(body))
        return await self.status(request)

    async def send_code(self, request: Request) -> Prepared:
        """POST …/phone-code: send a new code."""
        await self._answers.ask_again(Kind.PHONE, requests.registration_id(request, self._handles))
        return await self.status(request)

    async def send_link(self, request: Request) -> Prepared:
        """POST …/email-link: send the link again."""
        await self._answers.ask_again(Kind.EMAIL, requests.registration_id(request, self._handles))
        return await self.status(request)

    async def ask_whether_student(self, request: Request) -> Prepared:
        """POST …/student: have the check done again of somebody who was found to study."""
        await self._answers.ask_whether_student(requests.registration_id(request, self._handles))
        return await self.status(request)

    async def openapi(self, _request: Request) -> web.Response:
        """GET: the description of this interface."""
        headers = {"Content-Type": "application/json", "Cache-Control": "public, max-age=3600"}
        return web.Response(body=self._openapi, headers=headers)


def status_tag(status: store.Status, needed: Collection[Kind]) -> str:
    """The ETag under which the interface shows this status: a page that has it need ask for news only."""
    return _tag(_encode(_status_body(status, needed)))


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[: 2 * _ETAG_BYTES]}"'


def _code(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=CodeBody).code
    except msgspec.ValidationError:
        raise Rejected("fields_wrong", (FieldError("code", "type"),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("json_malformed") from None


def _status_body(status: store.Status, needed: Collection[Kind]) -> StatusBody:
    return StatusBody(
        received_at=status.received_at,
        state=overall(status.checks, needed).value,
        checks={
            kind.value: CheckBody(check.state.value, check.reason, check.updated_at)
            for kind, check in status.checks.items()
        },
    )
