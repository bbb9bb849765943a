"""Codes by SMS: three an hour for a number whoever asks, a range that nobody answers is stopped, a day has a budget."""

import asyncio
import os
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from registration.checks import Kind, State
from registration.store import intake
from registration.store.codes import Code, CodeLimits, allow_codes
from registration.store.database import Database
from registration.store.intake import Registration
from registration.store.work import Delay, Outcome, Verdict, load_work, record_outcomes

LIMITS = CodeLimits(number_hourly=3, range_hourly=40, range_sample=20, least_answered=0.1, daily=1_000)
HOUR_SECONDS = 3_600.0


async def register(database: Database, count: int) -> list[UUID]:
    """Registrations whose first codes are to be sent."""
    batch = [Registration(uuid4(), os.urandom(16), os.urandom(16), os.urandom(16), b"sealed") for _ in range(count)]
    await intake.accept(database, batch)
    await load_work(database, Kind.PHONE, [item.id for item in batch], verdict_keep_days=1.0)
    return [item.id for item in batch]


def codes(ids: Sequence[UUID], *, number: bytes | None = None, within: bytes | None = None) -> list[Code]:
    """A code for each, to one number or to numbers of their own, in one range or in ranges of their own."""
    return [Code(item, 1, number or os.urandom(16), within or os.urandom(16)) for item in ids]


def causes(found: dict[UUID, Delay | None], asked: Sequence[Code]) -> list[str | None]:
    """In the order of asking."""
    return [delay.cause if (delay := found[code.registration_id]) is not None else None for code in asked]


async def allow(database: Database, asked: Sequence[Code], **changes: object) -> list[str | None]:
    limits = msgspec.structs.replace(LIMITS, **changes)
    return causes(dict(await allow_codes(database, asked, limits)), asked)


async def answer(database: Database, ids: Sequence[UUID]) -> None:
    """The people type their codes."""
    for work in await load_work(database, Kind.PHONE, ids, verdict_keep_days=1.0):
        await record_outcomes(database, Kind.PHONE, [Outcome(work, Verdict(State.SENT))], challenge_seconds=600.0)
        assert await intake.answer_phone_code(database, work.registration_id, 1)


async def pass_time(database: Database, interval: str) -> None:
    await database.fetch(f"update challenges set reserved_at = reserved_at - interval '{interval}'")  # noqa: S608


async def test_a_number_gets_three_an_hour_whoever_asks(database: Database) -> None:
    """In one batch or in several; an hour later there is room again."""
    asked = codes(await register(database, 8), number=b"n" * 16)

    assert await allow(database, asked[:2]) == [None, None]
    assert await allow(database, asked[2:5]) == [None, "sms_number_limit", "sms_number_limit"]
    found = await allow_codes(database, asked[5:6], LIMITS)
    delay = found[asked[5].registration_id]
    assert delay is not None
    assert delay.wait_seconds is not None
    assert 0 < delay.wait_seconds <= HOUR_SECONDS
    await pass_time(database, "61 minutes")
    assert await allow(database, asked[3:8]) == [*[None] * 3, *["sms_number_limit"] * 2]


async def test_of_many_workers_at_once_three_codes_are_allowed(database: Database) -> None:
    """Whoever allows waits for the other's count."""
    asked = codes(await register(database, 30), number=b"n" * 16)
    found = await asyncio.gather(*(allow(database, [code]) for code in asked))

    assert sum(cause == [None] for cause in found) == 3


async def test_what_was_allowed_is_allowed_again_and_counts_once(database: Database) -> None:
    """A worker that died, or a gateway that failed, uses nothing up."""
    asked = codes(await register(database, 4), number=b"n" * 16)
    for _ in range(5):
        assert await allow(database, asked[:2], daily=3) == [None, None]

    assert await allow(database, asked[2:], daily=3) == [None, "sms_number_limit"]


async def test_a_range_that_nobody_answers_is_stopped(database: Database) -> None:
    """At the size of the sample; numbers elsewhere go on, and it goes on itself once people answer."""
    ids = await register(database, 60)
    asked = codes(ids, within=b"r" * 16)

    assert await allow(database, asked[:15]) == [None] * 15
    assert await allow(database, asked[15:30]) == [*[None] * 5, *["sms_unanswered_range"] * 10]
    assert await allow(database, codes(await register(database, 5))) == [None] * 5
    await answer(database, ids[:5])
    assert await allow(database, asked[20:30]) == [None] * 10


async def test_a_range_has_its_hour_even_where_people_answer(database: Database) -> None:
    """Ten thousand numbers do not register at once."""
    ids = await register(database, 60)
    asked = codes(ids, within=b"r" * 16)
    await allow(database, asked[:20])
    await answer(database, ids[:20])

    assert await allow(database, asked[20:60]) == [*[None] * 20, *["sms_range_limit"] * 20]


async def test_a_day_has_its_budget(database: Database) -> None:
    """Counted for all; what is over waits until midnight in Jakarta, a new day begins anew."""
    asked = codes(await register(database, 12))

    assert await allow(database, asked[:8], daily=10) == [None] * 8
    found = await allow_codes(database, asked[8:], msgspec.structs.replace(LIMITS, daily=10))
    assert causes(dict(found), asked[8:]) == [None, None, "sms_budget_spent", "sms_budget_spent"]
    delay = found[asked[11].registration_id]
    assert delay is not None
    assert delay.wait_seconds is not None
    (row,) = await database.fetch(
        "select (now() + make_interval(secs => $1::float8 + 60)) at time zone 'Asia/Jakarta' as then",
        delay.wait_seconds,
    )
    assert (row["then"].hour, row["then"].minute) in {(0, 0), (0, 1)}  # a minute after the wait
    await database.fetch("update sms_days set day = day - 1")
    assert await allow(database, asked[10:], daily=10) == [None, None]


async def test_a_code_that_was_replaced_is_left_out(database: Database) -> None:
    """Nothing is known of a generation that does not exist."""
    (item,) = await register(database, 1)
    found = await allow_codes(database, [Code(item, 2, b"n" * 16, b"r" * 16)], LIMITS)

    assert dict(found) == {}
