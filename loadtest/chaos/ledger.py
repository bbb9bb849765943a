"""Joins four books: what clients were promised, what PostgreSQL holds, what the ministry was asked, what was sent.

Pure: the books are read by `read_books`, the judgement is made by `judge`. Nothing is lost if the process dies that
cannot be read again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from loadtest.chaos.faults import Finding
from loadtest.chaos.ground import Ground
from loadtest.chaos.journal import MoveCount, count_doubles, read_challenges, read_moves, sql
from registration.applicant import Submission
from registration.checks import Kind, State
from registration.store.upkeep import count_dead_letters, read_ledger

_WAITS_FOR_WORKERS = frozenset({State.PENDING.value, State.DELAYED.value})
_REACHED = frozenset({State.SENT.value, State.VERIFIED.value})
_CALLS_PER_NIK = 1.10


class Row(msgspec.Struct, frozen=True):
    """Where a registration's checks stand."""

    nik: str
    email: str
    phone: str


class Books(msgspec.Struct, frozen=True):
    """All that was written down. `again` counts links and codes where there was more than one."""

    rows: Mapping[UUID, Row]
    discrepancies: Mapping[str, int]
    dead_letters: Mapping[str, int]
    moves: Sequence[MoveCount]
    doubles: int
    again: Mapping[tuple[str, str], int]
    ministry: Mapping[str, int]
    ministry_total: int
    ministry_peak_per_second: int
    ministry_peak_concurrency: int
    mails: Mapping[str, int]
    text_messages: Mapping[str, int]


class Senders(msgspec.Struct, frozen=True):
    """Those who send mail, or SMS: how often they were `harmed` in the act, how many they send `at_once` together."""

    harmed: int
    at_once: int


class Tolerance(msgspec.Struct, frozen=True):
    """What the faults of the run excuse.

    Doubles of mail and SMS only where `senders`, by kind, were harmed; `set_aside` are those that a drill poisoned.
    `bunched` calls more in a second than were sent in any: a network that holds calls back and lets them go at once.
    """

    senders: Mapping[Kind, Senders] = msgspec.field(default_factory=dict)
    set_aside: frozenset[UUID] = frozenset()
    rate_ceiling: float | None = None
    concurrency_ceiling: int | None = None
    bunched: int = 0


async def read_books(ground: Ground) -> Books:
    """Read all books; the system is sound by now."""
    books = await read_ledger(ground.database)
    calls = await ground.ministry_calls("by_nik=yes")
    return Books(
        rows={
            row["id"]: Row(row["nik"], row["email"], row["phone"]) for row in await ground.database.fetch(sql("rows"))
        },
        discrepancies=books.discrepancies,
        dead_letters={f"{item.kind} {item.cause}": item.count for item in await count_dead_letters(ground.database)},
        moves=await read_moves(ground.database),
        doubles=await count_doubles(ground.database),
        again=await read_challenges(ground.database),
        ministry=calls["by_nik"],
        ministry_total=calls["total"],
        ministry_peak_per_second=calls["peak_per_second"],
        ministry_peak_concurrency=calls["peak_concurrency"],
        mails=await ground.get(f"{ground.endpoint('mailbox')}/api/counts"),
        text_messages=await ground.get(f"{ground.endpoint('sms')}/api/counts"),
    )


def judge(books: Books, people: Iterable[tuple[UUID, Submission]], tolerance: Tolerance) -> Sequence[Finding]:
    """What the books say together."""
    tally = _join(books, [(item, person) for item, person in people if item not in tolerance.set_aside])
    tally["set aside"] = sum(books.dead_letters.values()) - len(tolerance.set_aside & books.rows.keys())
    moved = sum(move.count for move in books.moves)
    illegal = sum(move.count for move in books.moves if not move.is_legal)
    contradictions = {text: count for text, count in books.discrepancies.items() if count}
    findings = [
        _none("I1", "acked but not in PostgreSQL", tally["lost"], of=tally["acked"]),
        _none("I1", "acked, and neither final nor waiting for the applicant", tally["unfinished"], of=tally["acked"]),
        _none("I1", "set aside as a dead letter", tally["set aside"], of=tally["acked"], what=books.dead_letters),
        _none("I4", "moves made twice", books.doubles, of=moved),
        _none("I4", "moves that the table of moves does not have", illegal, of=moved),
        _none("I16", "NIK verdict without a call to the ministry", tally["verdict unasked"], of=tally["acked"]),
        _none("I16", "honest people rejected", tally["rejected"], of=tally["acked"]),
        _none("I4", "mail or SMS said to be sent that never came", tally["never came"], of=2 * tally["acked"]),
        _none("I17", "contradictions between the books", len(contradictions), of=len(books.discrepancies)),
        _duplicates(tally, Kind.EMAIL, "mails", tolerance),
        _duplicates(tally, Kind.PHONE, "SMS", tolerance),
        _calls(books),
    ]
    return [*findings, *_ceiling(books, tolerance)]


def _join(books: Books, people: Iterable[tuple[UUID, Submission]]) -> Counter[str]:
    tally: Counter[str] = Counter()
    for registration_id, person in people:
        tally["acked"] += 1
        row = books.rows.get(registration_id)
        if row is None:
            tally["lost"] += 1
            continue
        waiting = _WAITS_FOR_WORKERS & {row.nik, row.email, row.phone}
        tally["unfinished"] += bool(waiting)
        tally["rejected"] += State.REJECTED.value in {row.nik, row.email, row.phone}
        if row.nik == State.VERIFIED:
            tally["verdicts"] += 1
            tally["verdict unasked"] += not books.ministry.get(person.nik)
        mails = books.mails.get(person.email.casefold(), 0)
        text_messages = books.text_messages.get(person.phone.removeprefix("+"), 0)
        for kind, state, count in ((Kind.EMAIL, row.email, mails), (Kind.PHONE, row.phone, text_messages)):
            tally["never came"] += state in _REACHED and not count
            wanted = books.again.get((registration_id.hex, kind), 1)
            tally[f"duplicate {kind}"] += max(0, count - wanted)
            tally[f"most duplicate {kind}"] = max(tally[f"most duplicate {kind}"], count - wanted)
    return tally


def _none(invariant: str, text: str, count: int, *, of: int, what: Mapping[str, int] | None = None) -> Finding:
    """Zero is what must be seen; with none among `of` the share is below 3/of with 95 % confidence."""
    detail = f" ({', '.join(f'{name} {number}' for name, number in what.items())})" if what else ""
    bound = f", below {3 / of:.1e} with 95 % confidence" if of and not count else ""
    return Finding(invariant, text, f"{count:,} of {of:,}{bound}{detail}", count == 0)


def _duplicates(tally: Mapping[str, int], kind: Kind, what: str, tolerance: Tolerance) -> Finding:
    """One more to a person each time that a sender is harmed, none where none is.

    Who had which mail in the act is in no book, so the harm counts that could have met each: of the senders of this
    kind and of what they need. A sender has more than one in the act, so the total is bounded by what all could have.
    """
    senders = tolerance.senders.get(kind, Senders(harmed=0, at_once=0))
    total, most = tally.get(f"duplicate {kind}", 0), tally.get(f"most duplicate {kind}", 0)
    figure = f"{total:,}, at most {most} to one person; senders harmed {senders.harmed:,} times"
    holds = most <= senders.harmed and total <= senders.harmed * senders.at_once
    return Finding("I4", f"{what} sent more often than asked for", figure, holds)


def _calls(books: Books) -> Finding:
    distinct = len(books.ministry)
    share = books.ministry_total / distinct if distinct else 0.0
    figure = f"{share:.3f}, {books.ministry_total:,} calls about {distinct:,}"
    return Finding("I7", "calls to the ministry for each NIK, at most 1.10", figure, share <= _CALLS_PER_NIK)


def _ceiling(books: Books, tolerance: Tolerance) -> Sequence[Finding]:
    found = []
    bunched = f", and {tolerance.bunched} that the network may bunch up" if tolerance.bunched else ""
    for what, peak, ceiling, more, why in (
        ("calls a second", books.ministry_peak_per_second, tolerance.rate_ceiling, tolerance.bunched, bunched),
        ("calls at once", books.ministry_peak_concurrency, tolerance.concurrency_ceiling, 0, ""),
    ):
        limit = "no ceiling" if ceiling is None else f"ceiling {ceiling:,.0f}{why}"
        holds = None if ceiling is None else peak <= ceiling + more
        found.append(Finding("I7", f"most {what} that the ministry counted", f"{peak:,} ({limit})", holds))
    return found
