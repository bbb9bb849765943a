"""Waves close when everybody was told they would, and selection can be neither steered nor disputed."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.clock import WESTERN_INDONESIA_TIME
from registration.waves import Entry, Rules, commitment, load_rules, next_closing, publish, select, weekly

RULES = load_rules()
SEED = bytes(range(32))
RECOMPUTE = Path(__file__).parents[2] / "tools" / "recompute_selection.py"
ENTRIES = st.lists(
    st.builds(
        Entry,
        ticket=st.uuids().map(lambda uuid: uuid.hex),
        motivation=st.integers(0, 21),
        maths=st.integers(0, 12),
        affected=st.booleans(),
    ),
    max_size=60,
    unique_by=lambda entry: entry.ticket,
)


def test_the_first_wave_closed_as_it_did_in_2020() -> None:
    """Opened on Saturday 11 April 2020, closed on Thursday 16 April 2020 at 16:00 in Jakarta."""
    assert next_closing(datetime(2020, 4, 11, 1, tzinfo=UTC)) == datetime(2020, 4, 16, 9, tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the zone is added
def test_a_closing_is_the_next_thursday_at_16_in_jakarta_whatever_the_zone(after: datetime) -> None:
    """Also where clocks change between now and then: it is later, and at most a week later."""
    closing = next_closing(after)
    assert timedelta(0) < closing - after.astimezone(UTC) <= timedelta(weeks=1)
    local = closing.astimezone(WESTERN_INDONESIA_TIME)
    assert (local.strftime("%A"), local.hour, local.minute, local.second) == ("Thursday", 16, 0, 0)


def test_thirty_waves_are_planned_a_week_apart_and_never_overlap() -> None:
    """One at a time: each closes before the next one opens, and none opens in the past."""
    after = datetime(2026, 11, 24, tzinfo=UTC)
    waves = weekly(first=1, count=30, after=after, quota=164_000)
    assert [wave.number for wave in waves] == list(range(1, 31))
    assert waves[0].opens_at > after
    assert all(wave.opens_at < wave.closes_at for wave in waves)
    assert all(a.closes_at < b.opens_at for a, b in pairwise(waves))
    assert {b.closes_at - a.closes_at for a, b in pairwise(waves)} == {timedelta(weeks=1)}


@given(ENTRIES, st.integers(0, 80), st.randoms(use_true_random=False))
def test_selection_is_exact_and_does_not_depend_on_the_order_of_entries(
    entries: list[Entry], quota: int, random: Random
) -> None:
    """Never over quota, nobody better left out, the same list whoever reads the entries in whatever order."""
    places = select(entries, rules=RULES, seed=SEED, quota=quota)
    chosen = [place for place in places if place.selected]
    assert len(chosen) == min(quota, len(entries))
    left_out = [place.score for place in places if not place.selected]
    assert not left_out or not chosen or min(place.score for place in chosen) >= max(left_out)
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert select(shuffled, rules=RULES, seed=SEED, quota=quota) == places


def test_a_tie_is_a_lottery_that_favours_nobody() -> None:
    """Over many seeds each of ten equal applicants wins one of five places about half of the time."""
    entries = [Entry(f"{number:032x}", 10, 6, affected=False) for number in range(10)]
    wins: Counter[str] = Counter()
    for number in range(400):
        places = select(entries, rules=RULES, seed=number.to_bytes(32, "big"), quota=5)
        wins.update(place.entry.ticket for place in places if place.selected)
    assert sum(wins.values()) == 2_000
    assert all(150 < count < 250 for count in wins.values())


def test_a_worker_on_a_ministrys_list_has_the_declared_points_more() -> None:
    """Priority is what the rules say, no more: six points, as three sums are worth."""
    listed, other = Entry("a" * 32, 10, 6, affected=True), Entry("b" * 32, 10, 9, affected=False)
    assert Rules.score(RULES, listed) == RULES.score(other)


def test_a_ticket_that_came_twice_is_refused() -> None:
    """One person, one chance."""
    with pytest.raises(ValueError, match="twice"):
        select([Entry("a" * 32, 1, 1, affected=False)] * 2, rules=RULES, seed=SEED, quota=1)


def recompute(path: Path, *, seed: bytes, quota: int) -> "subprocess.CompletedProcess[str]":
    """As anybody would."""
    arguments = [str(path), "--seed", seed.hex(), "--commitment", commitment(SEED), "--quota", str(quota)]
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", str(RECOMPUTE), *arguments], capture_output=True, text=True, check=False
    )


def test_anybody_can_recompute_the_result_and_finds_a_forged_one(tmp_path: Path) -> None:
    """The independent script agrees with an honest list, and names the ticket that was moved in a forged one."""
    entries = [Entry(f"{number:032x}", number % 22, number % 13, affected=number % 5 == 0) for number in range(500)]
    places = list(select(entries, rules=RULES, seed=SEED, quota=120))
    publish(tmp_path / "entries.csv", places)
    honest = recompute(tmp_path / "entries.csv", seed=SEED, quota=120)
    assert honest.returncode == 0, honest.stdout
    text = (tmp_path / "entries.csv").read_text().replace(",121,0", ",121,1").replace(",120,1", ",120,0")
    (tmp_path / "forged.csv").write_text(text)
    forged = recompute(tmp_path / "forged.csv", seed=SEED, quota=120)
    assert forged.returncode == 1
    assert places[119].entry.ticket in forged.stdout


def test_another_seed_than_the_one_promised_is_found(tmp_path: Path) -> None:
    """The seed was fixed before closing; whoever changes it afterwards is caught."""
    publish(tmp_path / "entries.csv", [])
    assert recompute(tmp_path / "entries.csv", seed=bytes(32), quota=1).returncode == 1
