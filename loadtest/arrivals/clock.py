"""A Locust user that is a clock: it sends off arrivals when they are due, however long the ones before them take.

    class Wave(ArrivalUser):
        @task
        def register(self, arrival: Arrival) -> None:
            arrival.call("POST registration", Request("POST", "/api/v1/registrations", body, headers), good={202})

Locust's own users wait for an answer before they ask again, so a server that stalls is asked less and the stall hardly
shows. Here the number of users is the number of clocks, each with `--arrivals-per-user` arrivals a second (by default
1), so `-u 1400` is 1,400 arrivals a second, and shapes, `--processes` and the web page mean what they always do.

A clock that is stopped says how many arrivals it still owed; a clock that falls behind catches up at once and the lag
is recorded. Nothing is skipped in silence.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import gevent
from gevent.event import Event
from locust import User
from locust.user.task import LOCUST_STATE_RUNNING

from loadtest.arrivals.flight import Flight
from loadtest.arrivals.http import Answer, NoAnswerError, Request
from loadtest.arrivals.schedule import due_times

Task = Callable[..., None]

_LOOK_SECONDS = 0.05


class Arrival:
    """Somebody who arrived: what a task is handed. `due` is in seconds since the start of the run."""

    __slots__ = ("_measured", "_user", "due", "flight")

    def __init__(self, user: "ArrivalUser", flight: Flight, due: float) -> None:
        self._user = user
        self.flight = flight
        self.due = due
        self._measured = False

    def call(self, name: str, request: Request, *, good: frozenset[int]) -> Answer | None:
        """One request, counted under `name`; None when no answer came. `good` are the statuses that are as they should.

        The first one of an arrival is measured from its intended start, the others from their sending. A body that is
        sent slowly on purpose moves both to the moment when its last piece is due: what is slow by intention is no
        fault of the server's, and what the server takes from there on shows as it does with everybody else.
        """
        sent = self.flight.seconds() + request.own_seconds
        answer: Answer | None = None
        try:
            answer = self.flight.connections.send(request)
            outcome = "ok" if answer.status in good else str(answer.status)
        except NoAnswerError as error:
            outcome = str(error)
        self._count(name, outcome, answer, due=self.due + request.own_seconds, sent=sent)
        return answer

    def note(self, name: str, outcome: str, *, since: float) -> None:
        """What several requests, or the words of an answer, came to: counted beside the requests."""
        self._tell(name, outcome, seconds=self.flight.seconds() - since, size=0)

    def _count(self, name: str, outcome: str, answer: Answer | None, *, due: float, sent: float) -> None:
        ended = self.flight.seconds()
        latency = service = max(0.0, ended - sent)  # a slow body may be refused before its end
        if not self._measured:
            self._measured = True
            latency = max(0.0, ended - due)
            self.flight.account.measure(self.due, latency_seconds=latency, service_seconds=service)
        self._tell(name, outcome, seconds=latency, size=len(answer.body) if answer else 0)

    def _tell(self, name: str, outcome: str, *, seconds: float, size: int) -> None:
        self.flight.account.answer(self.due, name, outcome)
        self._user.environment.events.request.fire(
            request_type=name.partition(" ")[0],
            name=name.partition(" ")[2],
            response_time=seconds * 1e3,
            response_length=size,
            exception=None if outcome == "ok" else RuntimeError(outcome),
            context={},
            start_time=time.time() - seconds,
        )


class ArrivalUser(User):
    """A clock. Tasks take an `Arrival`; which one is drawn by their weights, or by `--arrivals-mix`."""

    abstract = True

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's own signature
        super().__init__(environment)
        self._stopping = Event()
        self._under_way = 0

    def run(self) -> None:  # type: ignore[misc] # final in Locust, whose own PytestUser does the same
        """Send arrivals off until Locust stops this user."""
        self._state = LOCUST_STATE_RUNNING
        self.on_start()
        try:
            self._follow(self.environment.flight)  # set by wiring at the start of a test
        finally:
            self.on_stop()  # type: ignore[no-untyped-call]

    def stop(self, force: bool = False) -> bool:  # noqa: FBT001, FBT002 - Locust's signature
        """End the clock; with a stop timeout what is under way may end too."""
        self._stopping.set()
        stopped: bool = super().stop(force)
        return stopped

    def _follow(self, flight: Flight) -> None:
        flight.begin()
        offer = flight.offer
        randomness = random.Random(  # noqa: S311 - spreads load, guards nothing
            f"{offer.seed}/{offer.first_person}/{flight.next_clock()}"
        )
        tasks, weights = weighted(cast("list[Task]", self.tasks), offer.mix)
        since = flight.seconds()
        times = due_times(offer.curve, rate=offer.rate, spacing=offer.spacing, randomness=randomness, since=since)
        try:
            for due in times:
                self._wait_until(due, flight)
                if self._stopping.is_set() and due > flight.seconds():
                    break
                task = randomness.choices(tasks, weights)[0]
                self._under_way += flight.launch(partial(self._arrive, task, flight), due)
        except gevent.GreenletExit:  # no stop timeout: what was due by now is owed for ever
            for due in itertools.takewhile(lambda at: at <= flight.seconds(), times):
                flight.account.skip(due)
            raise
        self._stopping.wait()
        while self._under_way:  # only with a stop timeout does Locust let us come this far
            gevent.sleep(_LOOK_SECONDS)

    def _wait_until(self, due: float, flight: Flight) -> None:
        early = due - flight.seconds()
        if early > 0:
            self._stopping.wait(early)
        elif flight.account.in_flight:
            gevent.sleep(0)  # late: those who were sent off must get their turn too

    def _arrive(self, task: Task, flight: Flight, due: float) -> None:
        try:
            task(self, Arrival(self, flight, due))
        finally:
            self._under_way -= 1


def weighted(tasks: Sequence[Task], mix: Mapping[str, float]) -> tuple[list[Task], list[float]]:
    """Each task once, with its weight: by name from the mix where there is one, else as Locust counted them.

    Raises ValueError when the mix has a name that no task has.
    """
    counts = Counter(tasks)
    if not mix:
        return list(counts), [float(count) for count in counts.values()]
    by_name = {getattr(task, "__name__", ""): task for task in counts}
    unknown = mix.keys() - by_name.keys()
    if unknown:
        raise ValueError(f"no task is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(by_name))}")
    return [by_name[name] for name in mix], list(mix.values())
