"""A check, its entry, its lease and its workers, as a state machine with a clock of its own.

The moves are the real table and the delays the real backoff; PostgreSQL's compare-and-set, Valkey's set of outstanding
ids, its pending list and its leases are modelled as the SQL and Lua files define them. Whatever order of work, crashes,
freezes, wipes and waiting is drawn: no work is lost, and no effect happens twice.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from registration.checks import MOVES, OPEN_STATES, Kind, Move, State
from registration.runtime import backoff_seconds

LEASE_SECONDS = 5.0
DELIVERY_LIMIT = 3
CAP = 3
WORKERS = ("a", "b")
NEVER = float("inf")


@dataclass
class Row:
    """What PostgreSQL holds of one check."""

    state: State = State.PENDING
    version: int = 0
    attempts: int = 0
    due_at: float = 0.0
    set_aside: bool = False


@dataclass
class Entry:
    """One entry of the stream; undelivered while nobody holds it."""

    number: int
    registration: int
    consumer: str | None = None
    seen_at: float = 0.0
    deliveries: int = 0


@dataclass
class Hand:
    """What a worker has in hand: the entry, and the version that it read."""

    entry: Entry
    version: int
    attempts: int
    open: bool


@dataclass
class Worker:
    """A process: frozen it keeps what it has in hand and renews nothing."""

    frozen: bool = False
    hands: dict[int, Hand] = field(default_factory=dict)


class Work(RuleBasedStateMachine):
    """Rules are what can happen; invariants and `teardown` are what must hold."""

    registrations = Bundle("registrations")
    numbers: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count()
        self.now = 0.0
        self.rows: dict[int, Row] = {}
        self.stream: list[Entry] = []
        self.outstanding: set[int] = set()
        self.workers = {name: Worker() for name in WORKERS}
        self.moved_from: Counter[tuple[int, int]] = Counter()
        self.ended: Counter[int] = Counter()

    @initialize()
    def begin(self) -> None:
        """Start on an empty system."""

    @rule(target=registrations, shortcut=st.booleans())
    def register(self, shortcut: bool) -> int:  # noqa: FBT001 - drawn
        """The commit, and the offer behind it, which may be lost."""
        registration = next(self.numbers)
        self.rows[registration] = Row(due_at=self.now)
        if shortcut:
            self.offer(registration)
        return registration

    @rule()
    def relay(self) -> None:
        """What is open and due is offered, the longest-waiting first, up to the cap."""
        if len(self.stream) > CAP // 2:
            return
        due = [item for item, row in self.rows.items() if row.state in OPEN_STATES and row.due_at <= self.now]
        for registration in sorted(due, key=lambda item: self.rows[item].due_at):
            self.offer(registration)

    @rule(name=st.sampled_from(WORKERS))
    def fetch(self, name: str) -> None:
        """The oldest undelivered entry comes into a worker's hands."""
        worker = self.workers[name]
        entry = next((entry for entry in self.stream if entry.consumer is None), None)
        if entry is not None and not worker.frozen:
            self.deliver(entry, name)

    @rule(name=st.sampled_from(WORKERS))
    def rescue(self, name: str) -> None:
        """A worker takes over what gave no sign of life for a lease, and sets aside what keeps failing."""
        if not self.workers[name].frozen:
            self.take_over(name, [entry for entry in self.stream if self.is_expired(entry)])

    @rule(
        name=st.sampled_from(WORKERS),
        said=st.sampled_from([Move.VERIFY, Move.REJECT, Move.DELAY]),
        acknowledges=st.booleans(),
    )
    def finish(self, name: str, said: Move, acknowledges: bool) -> None:  # noqa: FBT001 - drawn
        """The outside answers, the outcome is written, and then acknowledged, unless the reply is lost."""
        worker = self.workers[name]
        if worker.frozen or not worker.hands:
            return
        hand = worker.hands.pop(next(iter(worker.hands)))
        if hand.open:
            self.write(hand, said)
        if acknowledges:
            self.acknowledge(hand.entry)

    @rule(name=st.sampled_from(WORKERS), times=st.integers(1, 4))
    def crash(self, name: str, times: int) -> None:
        """Kill -9, perhaps again and again; each life under the same name takes up what the one before held."""
        for _ in range(times):
            self.workers[name] = Worker()
            self.take_over(name, [entry for entry in self.stream if entry.consumer == name])

    @rule(name=st.sampled_from(WORKERS), said=st.sampled_from([Move.VERIFY, Move.DELAY]))
    def overtake(self, name: str, said: Move) -> None:
        """SIGSTOP past the lease: the other worker takes the entries, finishes one, and only then comes SIGCONT."""
        other = next(worker for worker in WORKERS if worker != name)
        self.freeze(name)
        self.thaw(other)
        self.wait(LEASE_SECONDS + 1.0)
        self.rescue(other)
        self.finish(other, said, acknowledges=True)
        self.thaw(name)

    @rule(name=st.sampled_from(WORKERS))
    def freeze(self, name: str) -> None:
        """SIGSTOP: what it has in hand is not renewed."""
        self.workers[name].frozen = True

    @rule(name=st.sampled_from(WORKERS))
    def thaw(self, name: str) -> None:
        """SIGCONT: it goes on with what it had in hand, however stale."""
        self.workers[name].frozen = False

    @rule(name=st.sampled_from(WORKERS))
    def stop(self, name: str) -> None:
        """SIGTERM: what is in hand is handed back, uncharged."""
        worker = self.workers[name]
        if worker.frozen:
            return
        for entry in [hand.entry for hand in worker.hands.values() if self.holds(name, hand.entry)]:
            entry.seen_at, entry.deliveries = -NEVER, 0
        worker.hands.clear()

    @rule()
    def wipe(self) -> None:
        """FLUSHALL."""
        self.stream.clear()
        self.outstanding.clear()

    @rule(seconds=st.floats(0.1, 30.0))
    def wait(self, seconds: float) -> None:
        """Time passes; whoever is awake renews its leases."""
        self.now += seconds
        for name, worker in self.workers.items():
            if not worker.frozen:
                for hand in worker.hands.values():
                    if self.holds(name, hand.entry):
                        hand.entry.seen_at = self.now

    @invariant()
    def an_id_is_in_the_stream_at_most_once(self) -> None:
        """What the set of outstanding ids stands for."""
        ids = [entry.registration for entry in self.stream]
        assert len(ids) == len(set(ids))
        assert set(ids) == self.outstanding

    @invariant()
    def the_stream_is_bounded(self) -> None:
        """A backlog costs rows in PostgreSQL, not memory in Valkey."""
        assert len(self.stream) <= CAP

    @invariant()
    def nothing_moves_twice(self) -> None:
        """One move from each version, and one end for each check."""
        assert all(count == 1 for count in self.moved_from.values())
        assert all(count == 1 for count in self.ended.values())

    @invariant()
    def poison_does_not_loop(self) -> None:
        """No entry is delivered more often than the limit allows."""
        assert all(entry.deliveries <= DELIVERY_LIMIT for entry in self.stream)

    def teardown(self) -> None:
        """When faults end, everything that was accepted comes to its end, or was set aside for a person."""
        for worker in self.workers.values():
            worker.frozen = False
        for _ in range(20 * (len(self.rows) + CAP + len(WORKERS))):
            self.wait(LEASE_SECONDS * 2 + 1.0)
            self.relay()
            for name in WORKERS:
                self.rescue(name)
                self.fetch(name)
                self.finish(name, Move.VERIFY, acknowledges=True)
        left = [item for item, row in self.rows.items() if row.state in OPEN_STATES and not row.set_aside]
        assert not left, f"never finished: {left}"
        self.nothing_moves_twice()

    def offer(self, registration: int) -> None:
        """enqueue.lua."""
        if registration not in self.outstanding and len(self.stream) < CAP:
            self.outstanding.add(registration)
            self.stream.append(Entry(next(self.numbers), registration))

    def deliver(self, entry: Entry, name: str) -> None:
        """XREADGROUP or XCLAIM, and load_work.sql: a delivery is counted, open work that is due is read."""
        entry.consumer, entry.seen_at = name, self.now
        entry.deliveries += 1
        row = self.rows[entry.registration]
        is_open = row.state in OPEN_STATES and row.due_at <= self.now
        self.workers[name].hands[entry.number] = Hand(entry, row.version, row.attempts, is_open)

    def take_over(self, name: str, entries: list[Entry]) -> None:
        """The rescuer, and the recovery at start: poison aside, the rest delivered again."""
        for entry in entries:
            if entry.deliveries < DELIVERY_LIMIT:
                self.deliver(entry, name)
                continue
            row = self.rows[entry.registration]
            if row.state in OPEN_STATES and row.due_at <= self.now:
                self.move(entry.registration, row.version, Move.DELAY, due_at=NEVER)
                row.set_aside = True
            entry.consumer = name
            self.acknowledge(entry)

    def write(self, hand: Hand, said: Move) -> None:
        """record_outcomes.sql."""
        wait = backoff_seconds(hand.attempts + 1, base=1.0, cap=8.0, uniform=max) if said is Move.DELAY else 0.0
        self.move(hand.entry.registration, hand.version, said, due_at=self.now + wait)

    def move(self, registration: int, version: int, said: Move, *, due_at: float) -> None:
        """Compare and set: from the version that was read, along the table of moves."""
        row = self.rows[registration]
        step = MOVES[Kind.NIK][said]
        if row.version != version or row.state not in step.sources:
            return
        self.moved_from[registration, version] += 1
        row.state, row.version, row.attempts, row.due_at = step.target, version + 1, row.attempts + 1, due_at
        self.ended[registration] += row.state not in OPEN_STATES
        if not self.ended[registration]:
            del self.ended[registration]

    def acknowledge(self, entry: Entry) -> None:
        """acknowledge.lua: an entry that is no more leaves the set alone."""
        if entry in self.stream:
            self.stream.remove(entry)
            self.outstanding.discard(entry.registration)

    def holds(self, name: str, entry: Entry) -> bool:
        """Whether the entry is still this worker's."""
        return entry in self.stream and entry.consumer == name

    def is_expired(self, entry: Entry) -> bool:
        """XPENDING with the lease as the least idle time."""
        return entry.consumer is not None and self.now - entry.seen_at >= LEASE_SECONDS


TestWork = Work.TestCase
TestWork.settings = hypothesis.settings(max_examples=250, stateful_step_count=50, deadline=None)
