"""What applicants send after the registration: the mail link followed, the code typed, one or a check asked for again.

Guarantee: a link counts once and a guess is counted before it is compared, both in PostgreSQL, whatever happens at
once or dies in between.
"""

import hmac
from uuid import UUID

import msgspec

from ingest.shortcut import Shortcut
from registration.checks import OPEN_STATES, Kind, State
from registration.errors import Overloaded, Rejected
from registration.handles import CHALLENGES_PER_HOUR, PHONE_CODE_TRIES, Challenges
from registration.store import intake as store
from registration.store import students
from registration.store.database import Database
from registration.streams import keys

_HOUR_SECONDS = 3_600.0
_NEW_CODE_SECONDS = 1.0  # a new code can be asked for at once


class LinkView(msgspec.Struct, frozen=True):
    """A genuine mail link: still to be used, or used already."""

    used: bool


class Answers:
    """Each raises `Rejected` for the applicant's doing, `Overloaded` at a limit, `Retryable` without a database."""

    def __init__(
        self, *, recheck_seconds: float, database: Database, shortcut: Shortcut, challenges: Challenges
    ) -> None:
        self._recheck_seconds = recheck_seconds
        self._database = database
        self._shortcut = shortcut
        self._challenges = challenges

    async def look_at_link(self, token: str) -> LinkView:
        """Tell whether a link can be used, without using it; raises `Rejected("token_invalid")`."""
        claim = self._challenges.read_email_token(token)
        link = claim and await store.read_email_link(self._database, claim.registration_id, claim.generation)
        if not link or not link.newest or (link.expired and link.state is not State.VERIFIED):
            raise Rejected("token_invalid")
        return LinkView(used=link.state is State.VERIFIED)

    async def follow_link(self, token: str) -> None:
        """Use a link up. Following it again says so again, so that nobody is frightened by a second tap."""
        claim = self._challenges.read_email_token(token)
        if claim is None:
            raise Rejected("token_invalid")
        nik_state = await store.answer_email_link(self._database, claim.registration_id, claim.generation)
        if nik_state is None:
            if not (await self.look_at_link(token)).used:
                raise Rejected("token_invalid")
        elif nik_state in OPEN_STATES:
            self._shortcut.offer((keys.PRIORITY,), [claim.registration_id])

    async def type_code(self, registration_id: UUID, code: str) -> None:
        """Compare a phone code; a wrong or late one is `Rejected`, one too many `Overloaded`."""
        generation = await store.count_phone_try(self._database, registration_id, PHONE_CODE_TRIES)
        if generation is None:
            newest = await store.read_phone_code(self._database, registration_id)
            if newest is None or newest.expired:
                raise Rejected("code_expired")
            raise Overloaded("code_tries_used_up", _NEW_CODE_SECONDS)
        expected = self._challenges.phone_code(registration_id, generation)
        if not hmac.compare_digest(expected.encode(), code.strip().encode()):
            raise Rejected("code_wrong")
        await store.answer_phone_code(self._database, registration_id, generation)

    async def ask_again(self, kind: Kind, registration_id: UUID) -> None:
        """Have a new link or code sent; the earlier ones become worthless."""
        opened = await store.open_challenge(self._database, kind, registration_id, per_hour=CHALLENGES_PER_HOUR)
        if not opened:
            status = await store.read_status(self._database, registration_id)
            if status is not None and status.checks[kind].state is State.SENT:
                raise Overloaded("code_limit" if kind is Kind.PHONE else "email_link_limit", _HOUR_SECONDS)
            return
        self._shortcut.offer((keys.stream(kind),), [registration_id])

    async def ask_whether_student(self, registration_id: UUID) -> None:
        """Have the check of somebody who was found to study done again, some time after it; else nothing happens."""
        wait_seconds = await students.ask_again(self._database, registration_id, after_seconds=self._recheck_seconds)
        if wait_seconds:
            raise Overloaded("recheck_limit", wait_seconds)
        if wait_seconds is not None:
            self._shortcut.offer((keys.stream(Kind.STUDENT),), [registration_id])
