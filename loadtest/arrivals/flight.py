"""One process's part of a run: the curve, the account, the connections, and how many arrivals may be under way.

Arrivals are greenlets of their own, so none waits for another. How many there may be at once is bounded; whoever is due
while the bound is reached is counted as not sent, which makes the run invalid: a generator that holds people back hides
the very stall that it should measure.

If the process dies, what it has not reported is lost and the run's numbers do not add up.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import gevent

from loadtest.arrivals.account import Account, Report
from loadtest.arrivals.crowd import Crowd, Share
from loadtest.arrivals.http import Connections
from loadtest.arrivals.schedule import Curve, Spacing

# So many people fit between the first one of a process and the first one of the next.
PEOPLE_PER_PROCESS = 20_000_000
_BUSY_WINDOW_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What is offered. `rate` is in arrivals per second of one clock at full intensity; `mix` weighs the journeys.

    `run` begins every idempotency key, `seed` decides who the people are and when they come; people are counted from
    `first_person`, so that runs of one seed with ranges apart share nobody. Before people press a
    mailed link, or give an answer of the test, they wait, `think_seconds` on average. The `crowd` is shared by
    `processes` processes.
    """

    run: str
    seed: int
    first_person: int = 0
    rate: float
    curve: Curve
    spacing: Spacing
    in_flight_limit: int
    timeout_seconds: float
    mix: dict[str, float] = field(default_factory=dict)
    mailbox: str | None = None
    sms: str | None = None
    think_seconds: float = 0.0
    crowd: Crowd | None = None
    processes: int = 1


class Flight:
    """The run in this process, from its start on. `number` tells processes apart, from 0."""

    def __init__(self, offer: Offer, *, number: int, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.offer = offer
        self.account = Account(f"{offer.run}-{number}")
        self.connections = Connections(address, timeout_seconds=offer.timeout_seconds)
        self.others = {
            url: Connections(url, timeout_seconds=offer.timeout_seconds) for url in (offer.mailbox, offer.sms) if url
        }
        self.crowd = None if offer.crowd is None else Share(offer.crowd, number=number, processes=offer.processes)
        self.clock = clock
        self._started_at: float | None = None
        self._wall_offset = time.time() - clock()
        self._numbers = itertools.count()
        self._people = itertools.count(offer.first_person + number * PEOPLE_PER_PROCESS)
        self._clocks: Iterator[int] = itertools.count(number * PEOPLE_PER_PROCESS)
        self._busy_until = (clock(), time.process_time())
        self._busy_share_most = 0.0
        self._spent = time.process_time()
        gevent.spawn(self._watch_itself)

    @property
    def is_over(self) -> bool:
        """Whether nobody is due any more and nobody is under way."""
        return self.seconds() >= self.offer.curve.end_seconds and self.account.in_flight == 0

    def begin(self) -> None:
        """The curve begins with the first clock, so that nobody at its start is lost while clocks are made."""
        if self._started_at is None:
            self._started_at = self.clock()

    def seconds(self) -> float:
        """Seconds since the curve began."""
        return 0.0 if self._started_at is None else self.clock() - self._started_at

    def next_person(self) -> int:
        """The index of somebody whom nobody else in this run is."""
        return next(self._people)

    def next_key(self) -> tuple[int, str]:
        """A number and the idempotency key of a registration."""
        number = next(self._numbers)
        return number, f"{self.account.process}-{number}"

    def next_clock(self) -> int:
        """The number of a clock, for its randomness."""
        return next(self._clocks)

    def launch(self, arrive: Callable[[float], None], due: float) -> bool:
        """Send one arrival off, in a greenlet of its own; gives whether the bound allowed it."""
        if self.account.in_flight >= self.offer.in_flight_limit:
            self.account.refuse_to_send(due)
            return False
        self.account.due(due, lag_seconds=max(0.0, self.seconds() - due))
        gevent.spawn(self._fly, arrive, due)
        return True

    def take(self) -> Report:
        """What is new, and how busy this process was since the last time."""
        spent, self._spent = time.process_time() - self._spent, time.process_time()
        return self.account.take(
            busy_share=self._busy_share_most,
            cpu_seconds=spent,
            clock_drift_seconds=time.time() - self.clock() - self._wall_offset,
        )

    def _watch_itself(self) -> None:
        """One thread can use one core: how much of it is used tells whether there was time to be punctual."""
        while not self.is_over:
            gevent.sleep(_BUSY_WINDOW_SECONDS)
            now, spent = self.clock(), time.process_time()
            before, spent_before = self._busy_until
            self._busy_share_most = max(self._busy_share_most, (spent - spent_before) / (now - before))
            self._busy_until = (now, spent)

    def _fly(self, arrive: Callable[[float], None], due: float) -> None:
        try:
            arrive(due)
        except Exception as error:  # a bug of the generator: the run says so and is worth nothing
            self.account.bug(f"{type(error).__name__}: {error}"[:200])
            raise
        finally:
            self.account.end()
