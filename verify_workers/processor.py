"""Works on entries: loads what is still open, asks the outside, hands the outcome to the completer.

Guarantee: a system fault never becomes a verdict. An entry leaves this process only through the completer; one whose
processing met a bug stays pending in its stream and is delivered again, to be set aside if that keeps happening. If the
process dies, its entries expire and another worker takes them.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from uuid import UUID

import structlog

from monitoring.metrics import Metrics
from registration.applicant import Applicant
from registration.checks import Kind
from registration.errors import HeldBack, Permanent, Postponed, Retryable
from registration.runtime import backoff_seconds, describe_bug, insist
from registration.sealing import KeyRingError, SealedDataError, Sealer
from registration.settings import Settings
from registration.store.database import Database
from registration.store.work import Delay, Outcome, Unasked, Work, load_work
from registration.streams.streams import Entry
from verify_workers.completer import Completer
from verify_workers.kinds.checker import Answer, Checker
from verify_workers.pause import PauseSwitch

log = structlog.get_logger(__name__)

_RESULTS = ("answered", "retryable", "permanent")


class Processor:
    """Up to `concurrency` entries at once, and no more than `admitted` says; `room` waits while there are that many."""

    def __init__(  # noqa: PLR0913 - the composition root hands in every part
        self,
        *,
        kind: Kind,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        checker: Checker,
        completer: Completer,
        pause: PauseSwitch,
        admitted: Callable[[int], int],
        metrics: Metrics,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._pause = pause
        self._admitted = admitted
        self._kind = kind
        self._settings = settings
        self._database = database
        self._sealer = sealer
        self._checker = checker
        self._completer = completer
        self._metrics = metrics
        self._attempts = {result: metrics.attempts.labels(kind, result) for result in _RESULTS}
        self._attempt_seconds = metrics.attempt_seconds.labels(kind)
        self._tasks = tasks
        self._running: set[asyncio.Task[None]] = set()
        self._in_hand: dict[UUID, list[Entry]] = {}
        self._is_stopped = False
        self._loading = 0  # taken, and not yet on the way to the outside
        self._changed = asyncio.Event()

    @property
    def entries(self) -> Sequence[Entry]:
        """What is being worked on."""
        return [entry for entries in self._in_hand.values() for entry in entries]

    async def room(self) -> int:
        """How many entries may come; waits until it is at least one, and while the kind is paused."""
        await self._pause.over()
        while (free := min(self._settings.concurrency - len(self._in_hand), self._admitted(self._loading))) <= 0:
            self._changed.clear()
            await self._changed.wait()
        return free

    def look_again(self) -> None:
        """There may be room that was not there before."""
        self._changed.set()

    def take(self, entries: Sequence[Entry]) -> None:
        """Work on these. A second entry of a registration that is in hand shares its work and ends with it."""
        new = []
        for entry in entries:
            in_hand = self._in_hand.setdefault(entry.registration_id, [])
            if not in_hand:
                new.append(entry.registration_id)
            if entry not in in_hand:
                in_hand.append(entry)
        if new:
            self._loading += len(new)
            self._start(self._process(new))

    async def finish(self, seconds: float) -> None:
        """Wait for the work in hand, at most `seconds`; then stop it. What is left over is in `entries`."""
        end = time.monotonic() + seconds
        while self._running and (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._running, timeout=left)
        self._is_stopped = True
        for task in self._running:
            task.cancel()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _process(self, ids: Sequence[UUID]) -> None:
        """Load a delivery as one batch, then work on each registration by itself."""
        works = await insist(
            lambda: load_work(self._database, self._kind, ids, verdict_keep_days=self._settings.verdict_keep_days),
            role="processor",
        )
        opened = {work.registration_id: (self._open(work), work) for work in works}
        await self._prepare([(person, work) for person, work in opened.values() if isinstance(person, Applicant)])
        for registration_id in ids:
            self._start(self._process_one(registration_id, opened.get(registration_id)))

    async def _prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        try:
            await self._checker.prepare(batch)
        except Exception as error:  # noqa: BLE001 - each check does without
            self._metrics.bugs.labels("processor").inc()
            log.error("bug while preparing", kind=self._kind, **describe_bug(error))

    async def _process_one(self, registration_id: UUID, opened: tuple[Applicant | Permanent, Work] | None) -> None:
        self._loading -= 1
        try:
            outcome = None if opened is None else await self._outcome(*opened)
            await self._completer.complete(self._in_hand[registration_id], outcome)
        except Exception as error:  # noqa: BLE001 - a bug in one must not stop the others; its entry stays pending
            self._metrics.bugs.labels("processor").inc()
            log.error(
                "bug while processing, entry stays pending",
                kind=self._kind,
                registration=str(registration_id),
                **describe_bug(error),
            )
        finally:
            self._release(registration_id)

    def _release(self, registration_id: UUID) -> None:
        if self._is_stopped:
            return  # the pool hands back what is in hand
        del self._in_hand[registration_id]
        self._changed.set()

    async def _outcome(self, person: Applicant | Permanent, work: Work) -> Outcome | Unasked | None:
        """What came of it: None when it comes again by itself, uncharged and still due: the relay offers it."""
        started = time.perf_counter()
        result = "answered"
        try:
            if isinstance(person, Permanent):
                raise person
            answer = await self._checker.check(person, work)
        except HeldBack:
            return Unasked(work)
        except Postponed:
            return None
        except Retryable as error:
            result = "retryable"
            answer = Answer(Delay(error.cause, self._wait_seconds(work, error.retry_after_seconds)))
        except Permanent as error:
            result = "permanent"
            answer = Answer(Delay(error.cause, None))
        self._attempts[result].inc()
        self._attempt_seconds.observe(time.perf_counter() - started)
        return Outcome(work, answer.result, remember=answer.remember)

    def _open(self, work: Work) -> Applicant | Permanent:
        """The person, or why the data cannot be read."""
        try:
            return self._sealer.unseal(work.sealed, work.registration_id)
        except KeyRingError:
            return Permanent("key_missing")
        except SealedDataError:
            return Permanent("data_unreadable")

    def _wait_seconds(self, work: Work, asked_for: float | None) -> float:
        own = backoff_seconds(
            work.attempts + 1, base=self._settings.retry_base_seconds, cap=self._settings.retry_cap_seconds
        )
        return max(own, asked_for or 0.0)
