"""What the workers read and write: work that is due, outcomes by compare-and-set, backlogs."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from registration.checks import OPEN_STATES, Kind, State
from registration.store.database import Connection, Database, Row
from registration.store.statements import statement

# The cause of a delay that stands for "the registry did not find the person": the registration counts these.
NOT_FOUND = "not_found"
# Kinds of work that come with nothing of their own.
_SIMPLE = frozenset({Kind.PHOTO, Kind.STUDENT})
# How finely work that is due later is counted: within a minute, ten, an hour, six, a day, and after that.
_LATER_SECONDS = (60.0, 600.0, 3_600.0, 21_600.0, 86_400.0)
_LAST_SECONDS = 2 * 86_400.0


class Work(msgspec.Struct, frozen=True):
    """One open check that is due. `version` is what the outcome's write expects to find.

    Work for a registry says whether it `is_retry` (its last call brought no answer). NIK work comes with the `misses`
    so far (times the registry did not find it), and may come with the `known` verdict on the same identity; e-mail and
    phone work comes with the `generation` of the link or code to send.
    """

    registration_id: UUID
    sealed: bytes
    identity_digest: bytes
    version: int
    attempts: int
    generation: int = 0
    misses: int = 0
    is_retry: bool = False
    known: "Verdict | None" = None

    @property
    def failures(self) -> int:
        """Calls so far that brought no answer. A replay of dead letters forgets attempts and not misses."""
        return max(0, self.attempts - self.misses)


class Verdict(msgspec.Struct, frozen=True):
    """What the outside said: `verified`, `sent`, or `rejected` with the reason."""

    state: State
    reason: str | None = None


class Delay(msgspec.Struct, frozen=True):
    """The system's trouble: try again after `wait_seconds`; None sets the work aside as a dead letter."""

    cause: str
    wait_seconds: float | None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one piece of work. `remember` keeps the verdict for everyone with the same identity."""

    work: Work
    result: Verdict | Delay
    remember: bool = False


class Unasked(msgspec.Struct, frozen=True):
    """Work about which nobody was asked, and which shall not come again at once."""

    work: Work


class Backlog(msgspec.Struct, frozen=True):
    """How much of a kind waits: open is what is due and what is due later, as pairs of "within seconds" and count."""

    open: int
    set_aside: int
    oldest_due_seconds: float
    due: int = 0
    later: tuple[tuple[float, int], ...] = ()


async def load_work(database: Database, kind: Kind, ids: Sequence[UUID], *, verdict_keep_days: float) -> Sequence[Work]:
    """Of these registrations, those whose check is open and due; others need nothing."""
    if kind is Kind.NIK:
        rows = await database.fetch(statement("load_nik_work"), ids, verdict_keep_days, NOT_FOUND)
        return [_nik_work(row) for row in rows]
    if kind in _SIMPLE:
        rows = await database.fetch(statement("load_check_work", kind), ids)
        return [_work(row) for row in rows]
    rows = await database.fetch(statement("load_challenge_work", kind), ids)
    return [_challenge_work(row) for row in rows]


async def record_outcomes(
    database: Database, kind: Kind, outcomes: Sequence[Outcome], *, challenge_seconds: float
) -> frozenset[UUID]:
    """Write a batch of outcomes as one commit; returns whose check moved. The others were stale: nothing changed.

    `challenge_seconds` is the life of a link or code that went out. Raises `Retryable`; writing again is harmless.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(
            statement("record_outcomes", kind),
            [outcome.work.registration_id for outcome in outcomes],
            [outcome.work.version for outcome in outcomes],
            [_state(outcome).value for outcome in outcomes],
            [_reason(outcome) for outcome in outcomes],
            [_cause(outcome) for outcome in outcomes],
            [_wait_seconds(outcome) for outcome in outcomes],
            [state.value for state in OPEN_STATES],
        )
        moved = frozenset(row["id"] for row in rows)
        if kind is Kind.NIK:
            await _keep_verdicts(connection, outcomes)
            await _count_misses(connection, outcomes, moved)
        elif kind is Kind.PHOTO:
            await _drop_rejected(connection, outcomes, moved)
        else:
            await _mark_sent(connection, kind, outcomes, moved, challenge_seconds)
    return moved


async def put_off(
    database: Database, kind: Kind, works: Sequence[Work], *, least_seconds: float, most_seconds: float
) -> None:
    """Move when these are due, and nothing else; by compare-and-set. Raises `Retryable`; doing it again is harmless."""
    await database.fetch(
        statement("put_off", kind),
        [work.registration_id for work in works],
        [work.version for work in works],
        [state.value for state in OPEN_STATES],
        least_seconds,
        most_seconds,
    )


async def find_due(database: Database, kind: Kind, limit: int) -> Sequence[UUID]:
    """Open work that is due, the longest-waiting first."""
    return [row["id"] for row in await database.fetch(statement("find_due", kind), limit)]


async def find_priority_due(database: Database, limit: int) -> Sequence[UUID]:
    """NIK work that is due and goes first, since its e-mail is verified."""
    return [row["id"] for row in await database.fetch(statement("find_priority_due"), limit)]


async def measure_backlog(database: Database, kind: Kind, *, timeout_seconds: float | None = None) -> Backlog:
    """How much of a kind waits, and for how long. Looks at every open check, so it may take so long; `Retryable`."""
    async with database.snapshot(timeout_seconds=timeout_seconds) as connection:
        rows = await connection.fetch(statement("measure_backlog", kind), _LATER_SECONDS)
    spans = {row["span"]: row for row in rows}
    counts = [spans[span]["count"] if span in spans else 0 for span in range(len(_LATER_SECONDS) + 3)]
    due, *later, set_aside = counts
    return Backlog(
        due + sum(later),
        set_aside,
        spans[0]["longest_due_seconds"] if due else 0.0,
        due,
        tuple(pair for pair in zip((*_LATER_SECONDS, _LAST_SECONDS), later, strict=True) if pair[1]),
    )


async def count_delayed(database: Database, kind: Kind) -> Mapping[str, int]:
    """Open checks that trouble of the system delays, by cause, the commonest first."""
    rows = await database.fetch(statement("count_delayed", kind))
    return {row["cause"]: row["count"] for row in rows}


async def _keep_verdicts(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    kept = [outcome for outcome in outcomes if outcome.remember and isinstance(outcome.result, Verdict)]
    if kept:
        await connection.fetch(
            statement("keep_identity_verdicts"),
            [outcome.work.registration_id for outcome in kept],
            [outcome.work.identity_digest for outcome in kept],
            [_state(outcome).value for outcome in kept],
            [_reason(outcome) for outcome in kept],
        )


async def _count_misses(connection: Connection, outcomes: Sequence[Outcome], moved: frozenset[UUID]) -> None:
    missed = [o.work.registration_id for o in outcomes if _cause(o) == NOT_FOUND and o.work.registration_id in moved]
    if missed:
        await connection.fetch(statement("count_misses"), missed)


async def _drop_rejected(connection: Connection, outcomes: Sequence[Outcome], moved: frozenset[UUID]) -> None:
    ids = [o.work.registration_id for o in outcomes if _state(o) is State.REJECTED and o.work.registration_id in moved]
    if ids:
        await connection.fetch(statement("drop_photos"), ids)


async def _mark_sent(
    connection: Connection, kind: Kind, outcomes: Sequence[Outcome], moved: frozenset[UUID], seconds: float
) -> None:
    sent = [o.work for o in outcomes if _state(o) is State.SENT and o.work.registration_id in moved]
    if sent:
        await connection.fetch(
            statement("mark_challenges_sent"),
            [work.registration_id for work in sent],
            kind.value,
            [work.generation for work in sent],
            seconds,
        )


def _nik_work(row: Row) -> Work:
    return Work(
        registration_id=row["id"],
        sealed=row["sealed"],
        identity_digest=row["identity_digest"],
        version=row["version"],
        attempts=row["attempts"],
        misses=row["misses"],
        is_retry=row["is_retry"],
        known=_known(row),
    )


def _challenge_work(row: Row) -> Work:
    return Work(
        registration_id=row["id"],
        sealed=row["sealed"],
        identity_digest=row["identity_digest"],
        version=row["version"],
        attempts=row["attempts"],
        generation=row["generation"],
    )


def _work(row: Row) -> Work:
    return Work(
        registration_id=row["id"],
        sealed=row["sealed"],
        identity_digest=row["identity_digest"],
        version=row["version"],
        attempts=row["attempts"],
        is_retry=row["is_retry"],
    )


def _known(row: Row) -> Verdict | None:
    return None if row["known_state"] is None else Verdict(State(row["known_state"]), row["known_reason"])


def _state(outcome: Outcome) -> State:
    return State.DELAYED if isinstance(outcome.result, Delay) else outcome.result.state


def _reason(outcome: Outcome) -> str | None:
    return None if isinstance(outcome.result, Delay) else outcome.result.reason


def _cause(outcome: Outcome) -> str | None:
    return outcome.result.cause if isinstance(outcome.result, Delay) else None


def _wait_seconds(outcome: Outcome) -> float | None:
    """Final states wait for nobody; their due time only has to be finite."""
    return outcome.result.wait_seconds if isinstance(outcome.result, Delay) else 0.0
