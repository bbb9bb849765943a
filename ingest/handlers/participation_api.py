"""The JSON interface of the test and the waves."""

from datetime import datetime
from typing import Annotated, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from ingest import requests
from ingest.participation import AssessmentState, Participation, state_of
from ingest.prepared import Head, Prepared
from ingest.routing import Request
from registration.assessment import OPTIONS, QUESTIONS
from registration.errors import FieldError, Rejected
from registration.handles import Handles
from registration.settings import Settings
from registration.store.assessments import Attempt
from registration.store.progress import Progress

_encode = msgspec.json.Encoder().encode
_OK = Head(200, {"Content-Type": "application/json", "Cache-Control": "private, no-store"})

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Body = TypeVar("Body", bound=msgspec.Struct)


class WaveBody(msgspec.Struct, frozen=True):
    """The wave that is open (`open`), or else the next one."""

    number: int
    opens_at: Moment
    closes_at: Moment
    quota: int
    open: bool
    seed_commitment: Annotated[
        str, Meta(description="SHA-256 of the lottery's seed, which is revealed with the result")
    ]


class JoinedBody(msgspec.Struct, frozen=True):
    """The applicant takes part in this wave, under this ticket, which is what the published result names."""

    wave: int
    ticket: UUID
    joined_at: Moment


class ResultBody(msgspec.Struct, frozen=True):
    """What came of the newest wave that was announced. No rank: was selected in another wave before."""

    wave: int
    ticket: UUID
    rank: int | None
    selected: bool


class ProgressBody(msgspec.Struct, frozen=True):
    """How far the applicant is. What is null is not there yet.

    Test and joining are those of the open wave or, when none is open, of the newest one that the applicant tried.
    """

    now: Moment
    complete: Annotated[bool, Meta(description="All checks are verified, so the test can be begun")]
    wave: WaveBody | None
    test: Annotated[str, Meta(extra_json_schema={"enum": list(AssessmentState)})]
    joined: JoinedBody | None
    result: ResultBody | None


class QuestionBody(msgspec.Struct, frozen=True):
    """One question, with its options in the order of this applicant's paper."""

    text: str
    options: tuple[str, ...]


class ScoresBody(msgspec.Struct, frozen=True):
    """What the test came to."""

    motivation: Annotated[int, Meta(ge=0, le=21)]
    maths: Annotated[int, Meta(ge=0, le=12)]


class AssessmentBody(msgspec.Struct, frozen=True):
    """The applicant's test. Time is the server's: `deadline_at` minus `now` is left."""

    wave: int
    state: Annotated[str, Meta(extra_json_schema={"enum": list(AssessmentState)})]
    now: Moment
    deadline_at: Moment
    questions: tuple[QuestionBody, ...]
    answers: Annotated[
        tuple[int | None, ...], Meta(description="The place of the chosen option of each question, from 0, or null")
    ]
    scores: ScoresBody | None


class AnswerBody(msgspec.Struct, frozen=True):
    """One answer. Sent again, or another one, it takes the place of the earlier."""

    question: Annotated[int, Meta(ge=0, lt=QUESTIONS, description="Place of the question, from 0")]
    option: Annotated[int, Meta(ge=0, lt=OPTIONS, description="Place of the option, from 0")]


class JoinBody(msgspec.Struct, frozen=True):
    """Which wave to join."""

    wave: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ParticipationApi:
    """Handlers over what they need."""

    def __init__(self, *, settings: Settings, participation: Participation, handles: Handles) -> None:
        self._participation = participation
        self._handles = handles
        self._body_timeout_seconds = settings.body_timeout_seconds

    async def progress(self, request: Request) -> Prepared:
        """GET …/wave: how far the applicant is."""
        progress = await self._participation.progress(self._registration_id(request))
        return Prepared(_OK, _encode(_progress_body(progress)))

    async def test(self, request: Request) -> Prepared:
        """GET …/test: the test as it stands."""
        registration_id = self._registration_id(request)
        attempt = (await self._participation.progress(registration_id)).attempt
        if attempt is None:
            raise Rejected("test_not_started")
        return self._test(registration_id, attempt)

    async def start(self, request: Request) -> Prepared:
        """POST …/test: begin the test, or go on with it."""
        registration_id = self._registration_id(request)
        return self._test(registration_id, await self._participation.start(registration_id))

    async def answer(self, request: Request) -> Prepared:
        """POST …/test/answer: save one answer."""
        registration_id = self._registration_id(request)
        answer = await self._body(request, AnswerBody, "answer")
        await self._participation.answer(registration_id, {answer.question: answer.option})
        return Prepared(_OK, _encode(answer))

    async def submit(self, request: Request) -> Prepared:
        """POST …/test/submit: end the test."""
        await self._participation.submit(self._registration_id(request))
        return await self.test(request)

    async def join(self, request: Request) -> Prepared:
        """POST …/join: join the wave."""
        join = await self._body(request, JoinBody, "wave")
        await self._participation.join(self._registration_id(request), join.wave)
        return await self.progress(request)

    def _registration_id(self, request: Request) -> UUID:
        return requests.registration_id(request, self._handles)

    def _test(self, registration_id: UUID, attempt: Attempt) -> Prepared:
        paper = self._participation.paper(registration_id, attempt)
        scores = attempt.scores
        body = AssessmentBody(
            wave=attempt.wave,
            state=state_of(attempt),
            now=attempt.now,
            deadline_at=attempt.deadline_at,
            questions=tuple(QuestionBody(item.text, item.options) for item in paper),
            answers=attempt.answers,
            scores=None if scores is None else ScoresBody(scores.motivation, scores.maths),
        )
        return Prepared(_OK, _encode(body))

    async def _body(self, request: Request, kind: type[Body], field: str) -> Body:
        body = await requests.json_body(request, timeout_seconds=self._body_timeout_seconds)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError:
            raise Rejected("fields_wrong", (FieldError(field, f"{field}_unknown"),)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Rejected("json_malformed") from None


def _progress_body(progress: Progress) -> ProgressBody:
    wave, joined, result = progress.wave, progress.participation, progress.result
    return ProgressBody(
        now=progress.now,
        complete=progress.complete,
        wave=None
        if wave is None
        else WaveBody(
            number=wave.number,
            opens_at=wave.opens_at,
            closes_at=wave.closes_at,
            quota=wave.quota,
            open=progress.open,
            seed_commitment=progress.seed_commitment or "",
        ),
        test=state_of(progress.attempt),
        joined=None if joined is None else JoinedBody(joined.wave, joined.ticket, joined.joined_at),
        result=None if result is None else ResultBody(result.wave, result.ticket, result.rank, result.selected),
    )
