"""The overload's figures: what is left of the capacity, and when a run proves nothing."""

import msgspec
import pytest

from loadtest.bench.load import Load
from loadtest.bench.overload import Overload, Round
from loadtest.bench.report import ExitCode

CAPACITY = Load(1_000, 0, 0, seconds=10.0, p50_ms=1.0, p99_ms=2.0)
GOOD = Load(960, 2_040, 0, seconds=10.0, p50_ms=1.0, p99_ms=2.0, refused_p99_ms=50.0, without_retry_after=0)
ROUND = Round(number=1, seconds=10.0, clients=300, capacity=CAPACITY, overload=GOOD, rows=1_960)


def overload(*rounds: Round) -> Overload:
    return Overload(commit_delay_ms=20, settings={}, rounds=rounds)


def test_goodput_is_a_share_of_the_same_rounds_capacity() -> None:
    """100 a second when nobody is refused, 96 a second of 300 that were offered."""
    assert ROUND.capacity_per_second == pytest.approx(100.0)
    assert ROUND.offered_per_second == pytest.approx(300.0)
    assert ROUND.goodput_share == pytest.approx(0.96)
    assert overload(ROUND).exit_code is ExitCode.OK


@pytest.mark.parametrize(
    "change",
    [{"accepted": 940, "refused": 2_060}, {"refused_p99_ms": 51.0}, {"without_retry_after": 1}],
    ids=["goodput", "slow refusals", "silent refusals"],
)
def test_each_target_can_be_missed(change: dict[str, float]) -> None:
    """By itself, with the others reached."""
    load = msgspec.structs.replace(GOOD, **change)
    one = msgspec.structs.replace(ROUND, overload=load, rows=CAPACITY.accepted + load.accepted)
    assert overload(one).exit_code is ExitCode.TARGET_MISSED


@pytest.mark.parametrize(
    "one",
    [
        msgspec.structs.replace(ROUND, rows=1_959),
        msgspec.structs.replace(ROUND, overload=msgspec.structs.replace(GOOD, broken=1)),
        msgspec.structs.replace(ROUND, overload=msgspec.structs.replace(GOOD, refused=1_000)),
    ],
    ids=["acked but absent", "broken", "no overload"],
)
def test_a_run_that_proves_nothing_says_so(one: Round) -> None:
    """Whatever its figures are."""
    assert one.flaw is not None
    assert overload(one).exit_code is ExitCode.NOT_VALID
