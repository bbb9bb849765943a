"""A verified applicant's way through a wave: the test, joining, the result. As patient as everybody."""

import asyncio
import random

import msgspec

from loadtest.caller import Answer, Caller
from loadtest.record import Record, UnexpectedError
from registration.assessment import OPTIONS, QUESTIONS

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_OK, _SEE_OTHER = 200, 303
_LOOK_SECONDS = 0.5
# So many answer question by question, as scripts do; the others send the page's form, which holds all answers at once.
_ONE_BY_ONE = 0.05


class Participant:
    """One applicant in one wave."""

    def __init__(
        self, caller: Caller, record: Record, randomness: random.Random, *, front_door: str, wave: int
    ) -> None:
        self._caller = caller
        self._record = record
        self._randomness = randomness
        self._api = record.status_url or ""
        self._page = f"{front_door}/r/{record.handle}"
        self._wave = wave

    async def take_part(self) -> None:
        """Take the test, wait until it is scored, join; raises `UnexpectedError` when any of it is refused."""
        _expect(await self._call("POST test", "POST", f"{self._api}/test", {}), _OK)
        answers = [self._randomness.randrange(OPTIONS) for _ in range(QUESTIONS)]
        if self._randomness.random() < _ONE_BY_ONE:
            for question, option in enumerate(answers):
                answer = {"question": question, "option": option}
                _expect(await self._call("POST answer", "POST", f"{self._api}/test/answer", answer), _OK)
            _expect(await self._call("POST submit", "POST", f"{self._api}/test/submit", {}), _OK)
        else:
            await self._send_form(answers)
        while (found := await self.progress())["test"] != "scored":
            if found["test"] == "not_started":
                raise UnexpectedError("the wave closed before the test was scored")
            await asyncio.sleep(self._randomness.uniform(_LOOK_SECONDS / 2, _LOOK_SECONDS))
        _expect(await self.join(), _OK)

    async def join(self) -> Answer:
        """Ask to join; gives the answer, whatever it is."""
        return await self._call("POST join", "POST", f"{self._api}/join", {"wave": self._wave})

    async def progress(self) -> dict[str, object]:
        """How far the applicant is."""
        return _expect(await self._call("GET wave", "GET", f"{self._api}/wave", None), _OK).document()

    async def _send_form(self, answers: list[int]) -> None:
        fields = "&".join(f"q{place}={option}" for place, option in enumerate(answers)) + "&then=submit"
        answer = await self._caller.call(
            self._record, "POST form", "POST", f"{self._page}/test/answer", body=fields.encode(), headers=_FORM
        )
        # The first try may have been taken without its answer coming back: then the test is over by now.
        if answer.status != _SEE_OTHER and (await self.progress())["test"] not in {"ended", "scored"}:
            raise UnexpectedError(f"POST form: {answer.status}")

    async def _call(self, what: str, method: str, url: str, body: object) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        return await self._caller.call(self._record, what, method, url, body=content, headers=_JSON)


def _expect(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise UnexpectedError(f"{answer.status}: {answer.body[:200]!r}")
    return answer
