"""Looks at the books every so often and shows them: the ledger, the funnel, how full PostgreSQL and Valkey are.

One worker of any kind does it at a time, under a lease. Nothing is written. If it dies, the next one has the duty
within one lease, and meanwhile the numbers are absent, not old.
"""

import structlog

from monitoring.metrics import Metrics
from registration.checks import Kind, State
from registration.store.account import Account, read_account
from registration.store.database import Database
from registration.streams.streams import Streams

log = structlog.get_logger(__name__)

_STATEMENT_SECONDS = 50.0


class Bookkeeper:
    """Call `run_once` every `books_interval_seconds`."""

    def __init__(self, *, asks_students: bool, database: Database, streams: Streams, metrics: Metrics) -> None:
        self._asks_students = asks_students
        self._database = database
        self._streams = streams
        self._metrics = metrics

    async def run_once(self) -> None:
        """Look once. Raises `Retryable`."""
        account = await read_account(
            self._database, asks_students=self._asks_students, timeout_seconds=_STATEMENT_SECONDS
        )
        self._show(account)
        self._metrics.valkey_memory_bytes.set(await self._streams.memory_bytes())

    def _show(self, account: Account) -> None:
        metrics, ledger = self._metrics, account.ledger
        for kind, states in ledger.states.items():
            for state, count in states.items():
                metrics.checks.labels(kind, state).set(count)
        for stage, count in _stages(account, asks_students=self._asks_students).items():
            metrics.people.labels(stage).set(count)
        metrics.ledger_discrepancies.set(ledger.wrong)
        metrics.database_bytes.set(account.database_bytes)
        metrics.database_sessions.set(account.sessions)
        metrics.database_sessions_limit.set(account.sessions_limit)
        if ledger.wrong:
            log.error("the books do not balance", count=ledger.wrong)


def _stages(account: Account, *, asks_students: bool) -> dict[str, int]:
    """The funnel, in the order of an applicant's way."""
    states = account.ledger.states
    return {
        "registered": account.ledger.accepted,
        "email_verified": states[Kind.EMAIL][State.VERIFIED],
        "nik_verified": states[Kind.NIK][State.VERIFIED],
        **({"no_student": states[Kind.STUDENT][State.VERIFIED]} if asks_students else {}),
        "complete": account.complete,
        "test_begun": account.begun,
        "test_ended": account.submitted,
        "tested": account.tested,
        "joined": account.joined,
        "selected": account.selected,
        "announced": account.announced,
    }
