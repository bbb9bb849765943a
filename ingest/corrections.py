"""What applicants correct after a rejection: the wrong field is sent, and only what depends on it is checked again.

Guarantee: a correction counts once, whether it is sent twice by an impatient thumb or again after a lost answer, and
changes nothing but a rejected check. Nobody learns from it what is stored: that a field may not be corrected is said
without looking at its value.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from ingest.limits import Limits
from ingest.shortcut import Shortcut
from monitoring.metrics import Metrics
from registration import applicant
from registration.applicant import CONFIRMABLE, FIELDS, Applicant, Submission
from registration.checks import FIELDS_OF, Kind, State, correctable
from registration.clock import Clock, Today
from registration.digests import Digests
from registration.errors import Overloaded, Rejected, Retryable
from registration.handles import CHALLENGES_PER_HOUR, CORRECTIONS_PER_HOUR
from registration.sealing import Sealer
from registration.store import corrections as store
from registration.store.corrections import Correction, Result, Standing
from registration.store.database import Database
from registration.streams import keys

_LOOKS = 3  # a row that was written between our reading and our writing is read again
_HOUR_SECONDS = 3_600.0


class Change(msgspec.Struct, frozen=True):
    """The fields to correct, with what takes their place, and what the applicant confirms of the NIK."""

    fields: Mapping[str, str]
    confirm: tuple[str, ...] = ()


class Corrections:
    """Corrects registrations; holds nothing between two calls."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        database: Database,
        shortcut: Shortcut,
        limits: Limits,
        sealer: Sealer,
        digests: Digests,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._shortcut = shortcut
        self._limits = limits
        self._sealer = sealer
        self._digests = digests
        self._today = Today(clock)
        self._metrics = metrics

    async def correct(self, registration_id: UUID, change: Change, *, network: bytes | None = None) -> None:
        """Correct a registration. Asking for the same again, while that is being checked, does nothing.

        Raises `Rejected` (unknown, a field that may not be corrected now, wrong fields), `Overloaded` (a limit) and
        `Retryable` (the outcome is unknown: ask again).
        """
        for _ in range(_LOOKS):
            standing = await store.read_standing(self._database, registration_id)
            if standing is None:
                raise Rejected("not_found")
            content = self._digests.content(_content(change))
            if not _may_correct(standing, change):
                if change.fields and standing.last_correction == content:
                    return
                raise Rejected("not_correctable")
            if await self._replace(registration_id, standing, change, content=content, network=network):
                return
        raise Retryable("correction_contended", 1.0)

    async def _replace(
        self, registration_id: UUID, standing: Standing, change: Change, *, content: bytes, network: bytes | None
    ) -> bool:
        """Write the correction; False when the row was written meanwhile."""
        before = self._sealer.unseal(standing.sealed, registration_id)
        person = _corrected(before, change, self._today)
        nik_digest = self._digests.nik(person.nik)
        counted = self._limits.subjects(before, nik_digest=self._digests.nik(before.nik), network=None)
        now_counted = self._limits.subjects(person, nik_digest=nik_digest, network=network)
        subjects = tuple(subject for subject in now_counted if subject not in counted)
        refusal = self._limits.refusal(subjects)
        if refusal is not None:
            raise refusal.error()
        kinds = _kinds(change)
        result = await store.correct(
            self._database,
            Correction(
                id=registration_id,
                expected=standing.sealed,
                sealed=self._sealer.seal(person, registration_id),
                nik_digest=nik_digest,
                identity_digest=self._digests.identity(person),
                kinds=kinds,
                fields=[field for field in FIELDS if field in change.fields],
                content_digest=content,
            ),
            challenges_per_hour=CHALLENGES_PER_HOUR,
            corrections_per_hour=CORRECTIONS_PER_HOUR,
        )
        if result is Result.LIMITED:
            raise Overloaded("correction_limit", _HOUR_SECONDS)
        if result is Result.STALE:
            return False
        self._limits.count(subjects)
        for kind in kinds:
            self._metrics.corrections.labels(kind).inc()
            goes_first = kind is Kind.NIK and standing.checks[Kind.EMAIL].state is State.VERIFIED
            self._shortcut.offer((keys.PRIORITY if goes_first else keys.stream(kind),), [registration_id])
        return True


def _may_correct(standing: Standing, change: Change) -> bool:
    """Whether every field belongs to a check that is rejected for a reason which that field can mend."""
    allowed = {field for check in standing.checks.values() for field in correctable(check)}
    return bool(change.fields) and change.fields.keys() <= allowed


def _corrected(before: Applicant, change: Change, today: Today) -> Applicant:
    """The person as corrected, checked like a new one; raises `Rejected("fields_wrong")`.

    What the NIK contradicts is asked about when NIK or birth date are corrected: of the others it was confirmed before.
    """
    doubted = change.fields.keys() & {"nik", "birth_date"}
    confirm = change.confirm if doubted else tuple(CONFIRMABLE)
    submission = applicant.resubmission(before, **change.fields)
    return applicant.examine(msgspec.structs.replace(submission, confirm=confirm), today=today())


def _kinds(change: Change) -> tuple[Kind, ...]:
    return tuple(kind for kind in Kind if change.fields.keys() & set(FIELDS_OF[kind]))


def _content(change: Change) -> Submission:
    return Submission(**change.fields, confirm=change.confirm)


def read_change(body: bytes) -> Change:
    """Read the JSON of a correction: the fields to correct, and nothing of the others.

    Raises `Rejected`: `json_malformed`, or `fields_wrong` naming every field that has the wrong type.
    """
    submission = applicant.parse(body)
    try:
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("json_malformed") from None
    return Change({name: getattr(submission, name) for name in FIELDS if name in given}, submission.confirm)
