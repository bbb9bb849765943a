"""What `gelombang status` says of what was read: on-call trusts it at night, and scripts its exit code."""

import io
from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console

from gelombang.standing import KindStanding, Standing, Stream, concerns, duration
from gelombang.status import view
from registration.checks import Kind
from registration.streams.shares import Pool

WELL = KindStanding(
    kind=Kind.NIK,
    open=12_000,
    due=9_000,
    oldest_due_seconds=60.0,
    delayed={"not_found": 2_900, "ministry_timeout": 100},
    dead_letters=0,
    paused=None,
    streams=(Stream("verify:nik:priority", 20, 3), Stream("verify:nik", 80, 4)),
    per_second=8.3,
    done_in_seconds=3_700.0,
)


def but(**changes: object) -> KindStanding:
    return msgspec.structs.replace(WELL, **changes)


def shown(*kinds: KindStanding) -> str:
    output = io.StringIO()
    standing = Standing(taken_at=datetime(2020, 4, 12, tzinfo=UTC), kinds=kinds, concerns=tuple(concerns(kinds)))
    Console(file=output, width=120).print(view(standing))
    return output.getvalue()


def test_a_backlog_that_moves_is_no_concern() -> None:
    """However long it is."""
    assert list(concerns([WELL])) == []
    assert "All is well." in shown(WELL)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (but(paused="maintenance (siti)"), "nik is paused: maintenance (siti)"),
        (but(oldest_due_seconds=7_300.0), "nik: work is due since 2 h 1 min (mostly not_found)"),
        (
            but(per_second=0.0, oldest_due_seconds=61.0),
            "nik: no verdict in the last minute, and 9,000 are due (mostly not_found)",
        ),
        (but(dead_letters=1_200), "nik: 1,200 dead letters (gelombang dead list)"),
        (but(streams=None, per_second=None), "Valkey does not answer: work waits in PostgreSQL"),
    ],
)
def test_what_needs_a_person_is_said_in_one_line(kind: KindStanding, expected: str) -> None:
    """Below the table, and in the JSON."""
    assert list(concerns([kind])) == [expected]
    assert expected in shown(kind)


def test_a_paused_kind_is_not_blamed_for_being_late() -> None:
    """One cause, one line."""
    assert list(concerns([but(paused="x (y)", oldest_due_seconds=99_999.0)])) == ["nik is paused: x (y)"]


def test_the_table_has_what_was_read() -> None:
    """Backlog, streams, rate, causes, forecast."""
    text = shown(WELL, but(kind=Kind.EMAIL, open=0, due=0, delayed={}, streams=(Stream("verify:email", 0, 0),)))

    for part in ("12,000", "20 + 80", "8.3", "not_found 2,900", "ministry_timeout 100", "in 1 h 1 min", "done"):
        assert part in text


def test_the_registry_s_limit_and_breaker_are_shown() -> None:
    """An open breaker needs a person, a closed one does not."""
    calm, held = but(pool=Pool(40, 7, 2, "closed")), but(pool=Pool(0, 0, 2, "ministry_quota"))
    assert "registry for nik: 7 calls under way, 40 allowed, 2 workers, breaker closed" in shown(calm)
    assert list(concerns([calm])) == []
    assert list(concerns([held])) == ["nik: the breaker holds calls to the registry back: ministry_quota"]


def test_the_quota_is_shown_with_its_end() -> None:
    """Or that it lasts."""
    assert "90,000, ends in 3 h 0 min" in shown(but(quota_left=90_000, quota_ends_in_seconds=10_800.0))
    assert "90,000, lasts" in shown(but(quota_left=90_000))


def test_what_is_not_known_is_a_dash() -> None:
    """Not a zero."""
    text = shown(but(streams=None, per_second=None, done_in_seconds=None))

    assert "–" in text
    assert "not as it goes" in text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.0, "0 s"), (59.9, "60 s"), (61.0, "1 min 1 s"), (3_600.0, "1 h 0 min"), (90_000.0, "1 d 1 h")],
)
def test_a_time_span_reads_as_one_says_it(seconds: float | None, expected: str) -> None:
    """Two units at most."""
    assert duration(seconds) == expected
