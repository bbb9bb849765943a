"""Growth: what a registration costs the front door when its table is small, and when it is full.

Two databases in turn, so that both meet the same machine. The full one is filled with rows of random digests and of the
size that real ones have, with all indexes in place; a tenth of them still waits for the checks.
"""

import secrets
from collections.abc import Callable, Sequence

import msgspec

from loadtest.bench import field
from loadtest.bench.contender import Contender
from loadtest.bench.field import Ground
from loadtest.bench.figures import Spread, spread
from loadtest.bench.rounds import Bench, Measurement, line, measurement, turned
from loadtest.bench.stock import Counted, Stock

FEW_ROWS = 10_000
_CHUNK_ROWS = 200_000
# A sealed applicant has 180 bytes on average (3,000 of simulators.people). No index holds them, and PostgreSQL does not
# compress what is this short: only their number matters. What indexes hold is random.
_FILL = """
insert into registrations
    (id, received_at, content_digest, nik_digest, identity_digest, sealed, nik_state, email_state, phone_state)
select
    gen_random_uuid(), now() - random() * interval '3 days',
    uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()),
    decode(repeat('5a', 180), 'hex'), state, state, state
from generate_series({first}, {last}) as row (number)
    cross join lateral (
        select case when number % 10 = 0 then 'pending'::check_state else 'verified'::check_state end
    ) as shared (state)
"""


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """CPU for each registration, in µs, at both sizes; `ratio` is the median of the rounds' ratios, many to few."""

    few_rows: int
    many_rows: int
    few: tuple[Measurement, ...]
    many: tuple[Measurement, ...]

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why it proves nothing, if it does not."""
        return tuple(flaw for measured in (*self.few, *self.many) if (flaw := measured.flaw) is not None)

    @property
    def ratio(self) -> Spread:
        """Many to few, within each round."""
        return spread([b.cpu_us_total / a.cpu_us_total for a, b in zip(self.few, self.many, strict=True)])

    def to_json(self) -> bytes:
        """The result for programs."""
        content = msgspec.to_builtins(self) | {"ratio": msgspec.to_builtins(self.ratio), "flaws": self.flaws}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def run(ground: Ground, bench: Bench, *, rounds: int, rows: int) -> Growth:
    """Fill both databases and measure them in turn."""
    few = field.front_door(ground, database="growth_few")
    many = field.front_door(ground, database="growth_many")
    fill(_stock(many), rows, bench.say)
    measured: dict[str, list[Measurement]] = {"few": [], "many": []}
    for number in range(1, rounds + 1):
        for name, contender in turned([("few", few), ("many", many)], number - 1):
            if name == "few":
                _stock(few).reset()
                fill(_stock(few), FEW_ROWS, None)
            found = _measure(bench, contender, number)
            bench.say(f"{name:<5}{line(found, rounds)}")
            measured[name].append(found)
    return Growth(few_rows=FEW_ROWS, many_rows=rows, few=tuple(measured["few"]), many=tuple(measured["many"]))


def fill(stock: Stock, rows: int, say: Callable[[str], None] | None) -> None:
    """Insert that many rows, in commits of a size that PostgreSQL likes; then tidy up as autovacuum would in time."""
    for first in range(1, rows + 1, _CHUNK_ROWS):
        last = min(rows, first + _CHUNK_ROWS - 1)
        stock.run(_FILL.format(first=first, last=last))
        if say is not None:
            say(f"filled {last:,} of {rows:,} rows")
    stock.run("vacuum (analyze) registrations", "checkpoint")


def _measure(bench: Bench, contender: Contender, number: int) -> Measurement:
    """As in the rounds, but what is in the table stays: rows are counted before and after."""
    stock, prefix = _stock(contender), f"growth-{secrets.token_hex(6)}"
    with contender.serve() as serving:
        bench.warm_up(serving, prefix)
        stock.flush_entries()
        rows_before = stock.count().rows
        load, before, after = bench.load(serving, prefix)
        counted = stock.count()
    stored = Counted(counted.rows - rows_before, counted.entries)
    return measurement(contender.name, number, load=load, stored=stored, before=before, after=after)


def _stock(contender: Contender) -> Stock:
    if contender.stock is None:
        raise ValueError(f"{contender.name} stores nothing")
    return contender.stock


def medians(measured: Sequence[Measurement]) -> Spread:
    """CPU for each registration over the rounds."""
    return spread([one.cpu_us_total for one in measured])
