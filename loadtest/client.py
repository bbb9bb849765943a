"""One applicant's way: registers, mends what is reported, follows the link, types the code, looks until it is over.

Does what a person with a browser does and knows only what the contract says. Every request goes through a `Caller`, so
an applicant outlives any part of the system that goes away for a while. If this process dies, the registration stands
where it stood; the same seed takes it up again, because its keys are the same.
"""

import asyncio
import random
from collections.abc import Sequence

import msgspec

from loadtest.caller import Answer, Caller
from loadtest.inbox import Inbox
from loadtest.personas import Habit
from loadtest.record import Record, UnexpectedError
from registration.applicant import Submission
from registration.checks import State
from registration.errors import FieldError

PATH = "/api/v1/registrations"
_REGISTER = "POST registration"
_FIRST_LOOK_SECONDS = 0.15
_LONGEST_LOOK_SECONDS = 1.0
_LOOK_GROWTH = 1.5
_LOOKS_PER_SECOND = 250.0  # of everybody together: a crowd that waits must not be the load that it waits for
_TRIES_BEFORE_ASKING_AGAIN = 4
_OK, _ACCEPTED, _NOT_MODIFIED, _UNPROCESSABLE = 200, 202, 304, 422


class Client:
    """Walks applicants through the front door."""

    def __init__(self, caller: Caller, inbox: Inbox, randomness: random.Random, *, front_door: str) -> None:
        self._caller = caller
        self._inbox = inbox
        self._randomness = randomness
        self._register_url = front_door.rstrip("/") + PATH

    async def walk(self, record: Record) -> None:
        """Go the whole way; what the contract does not say ends it and is taken down as a flaw."""
        now = asyncio.get_running_loop().time
        try:
            receipt = await self._register(record)
            record.register(receipt.document(), at=now())
            await self._follow(record)
            if record.applicant.persona.habit is Habit.AT_ONCE_AND_AGAIN:
                await self._send_again(record, receipt)
        except UnexpectedError as error:
            record.flaws.append(str(error))
        record.end(at=now())

    async def look(self, record: Record) -> None:
        """See where the registration stands now."""
        try:
            await self._look(record, etag="")
        except UnexpectedError as error:
            record.flaws.append(str(error))

    async def _register(self, record: Record) -> Answer:
        """The receipt. Whoever made a slip must hear exactly what is wrong, and sends what is right with a new key."""
        applicant = record.applicant
        number = 1
        if applicant.persona.slip is not None:
            refused = await self._send(record, applicant.first, number)
            _require_exactly(applicant.persona.refused_for, refused)
            number += 1
        if applicant.persona.habit is Habit.AT_ONCE_AND_AGAIN:
            receipts = await asyncio.gather(*(self._send(record, applicant.truth, number) for _ in range(2)))
            _require_alike(receipts)
            return receipts[0]
        return _expect(await self._send(record, applicant.truth, number), _ACCEPTED, _REGISTER)

    async def _send_again(self, record: Record, receipt: Answer) -> None:
        """Long after, the same key must still bring the same receipt, and say that it is one."""
        again = await self._send(record, record.applicant.truth, 1)
        _require_alike((receipt, again))
        if again.headers.get("Idempotency-Replayed") != "true":
            raise UnexpectedError("a repeated receipt that does not say so")

    async def _send(self, record: Record, submission: Submission, number: int) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": record.applicant.key(number)}
        body = msgspec.json.encode(submission)
        return await self._caller.call(record, _REGISTER, "POST", self._register_url, body=body, headers=headers)

    async def _follow(self, record: Record) -> None:
        """Look at the status, ever less often while nothing changes, and answer what is out, until it is over."""
        link = _Challenge("email-link")
        code = _Challenge("phone-code")
        etag, pause = "", _FIRST_LOOK_SECONDS
        while True:
            await asyncio.sleep(self._randomness.uniform(pause / 2, pause))
            pause = min(pause * _LOOK_GROWTH, max(_LONGEST_LOOK_SECONDS, record.tally.walking / _LOOKS_PER_SECOND))
            etag, changed = await self._look(record, etag)
            seen = record.seen
            if seen is None or seen.settled or record.as_deserved:
                return
            answered = False
            if seen.email == State.SENT and link.is_due():
                answered = await self._answer_mail(record, link)
            if seen.phone == State.SENT and code.is_due():
                answered = await self._answer_text_message(record, code) or answered
            if changed or answered:
                pause = _FIRST_LOOK_SECONDS

    async def _look(self, record: Record, etag: str) -> tuple[str, bool]:
        """Take the status down; gives its ETag, and whether it has another than before."""
        headers = {"If-None-Match": etag} if etag else None
        answer = await self._caller.call(record, "GET status", "GET", _status_url(record), headers=headers)
        if etag and answer.status == _NOT_MODIFIED:
            return etag, False
        record.see(_expect(answer, _OK, "GET status").document())
        return answer.headers.get("ETag", ""), True

    async def _answer_mail(self, record: Record, challenge: "_Challenge") -> bool:
        """Press the button that the newest mail leads to; gives whether there was any."""
        if challenge.is_hopeless():
            return await self._ask_again(record, challenge)
        link = await self._inbox.newest_link(record)
        if link is None:
            return False
        answer = await self._caller.call(record, "POST link", "POST", link)
        if answer.status != _OK:
            record.trouble = f"link answered {answer.status}"
        return True

    async def _answer_text_message(self, record: Record, challenge: "_Challenge") -> bool:
        """Type the code of the newest text message; gives whether there was any."""
        if challenge.is_hopeless():
            return await self._ask_again(record, challenge)
        code = await self._inbox.newest_code(record)
        if code is None:
            return False
        body, headers = msgspec.json.encode({"code": code}), {"Content-Type": "application/json"}
        url = f"{_status_url(record)}/phone"
        answer = await self._caller.call(record, "POST code", "POST", url, body=body, headers=headers)
        if answer.status != _OK:
            record.trouble = f"code answered {answer.status}"
        return True

    async def _ask_again(self, record: Record, challenge: "_Challenge") -> bool:
        """Have a new one sent: nothing came although the status says so, or what came does not work."""
        what = f"POST {challenge.name}"
        answer = await self._caller.call(record, what, "POST", f"{_status_url(record)}/{challenge.name}")
        record.trouble = f"{what} answered {answer.status}"
        return True


class _Challenge:
    """A link or code that is out: when to try it (again), each time after a longer while."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tries = 0
        self._due_at = 0.0

    def is_due(self) -> bool:
        """Whether to try now; counts the try."""
        now = asyncio.get_running_loop().time()
        if now < self._due_at:
            return False
        self._tries += 1
        self._due_at = now + self._tries
        return True

    def is_hopeless(self) -> bool:
        """Whether it is time for a new one."""
        return self._tries % _TRIES_BEFORE_ASKING_AGAIN == 0


def _status_url(record: Record) -> str:
    if record.status_url is None:
        raise UnexpectedError("no receipt")
    return record.status_url


def _expect(answer: Answer, status: int, what: str) -> Answer:
    if answer.status == status:
        return answer
    said = f" ({_listed(_errors(answer))})" if answer.status == _UNPROCESSABLE else ""
    raise UnexpectedError(f"{what}: {answer.status}{said}")


def _require_exactly(deserved: frozenset[FieldError], answer: Answer) -> None:
    """All wrong fields at once, and none that is right."""
    if answer.status != _UNPROCESSABLE:
        raise UnexpectedError(f"{_REGISTER}: {answer.status} for wrong fields")
    found = _errors(answer)
    if found != deserved:
        raise UnexpectedError(f"{_REGISTER}: said to be wrong: {_listed(found)}; is wrong: {_listed(deserved)}")


def _errors(answer: Answer) -> frozenset[FieldError]:
    """What a problem document finds wrong; for one about the whole, its own code."""
    document = answer.document()
    errors = document.get("errors") or [{"field": "", "code": document.get("code")}]
    return frozenset(FieldError(str(error.get("field")), str(error.get("code"))) for error in errors)


def _listed(errors: frozenset[FieldError]) -> str:
    return ", ".join(f"{error.field} {error.code}".strip() for error in sorted(errors))


def _require_alike(receipts: Sequence[Answer]) -> None:
    for receipt in receipts:
        _expect(receipt, _ACCEPTED, _REGISTER)
    if len({receipt.body for receipt in receipts}) > 1:
        raise UnexpectedError("one key, two different receipts")
