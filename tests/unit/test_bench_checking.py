"""The workers' bench: ratios within each round, and both targets."""

import pytest

from loadtest.bench.checking import ARQ, OURS, Checked, Checking


def checked(worker: str, number: int, *, per_second: int, cpu_us: float) -> Checked:
    return Checked(
        worker=worker, round=number, checks=per_second * 2, seconds=2.0, cpu_us={"app": cpu_us - 50, "valkey": 50}
    )


@pytest.mark.parametrize(
    ("ours", "cpu_us", "is_reached"), [(1_000, 200.0, True), (700, 200.0, False), (1_000, 230.0, False)]
)
def test_both_targets_have_to_be_reached(ours: int, cpu_us: float, *, is_reached: bool) -> None:
    """Fast enough beside arq and cheap enough by itself, as medians of rounds in any order."""
    found = Checking(
        measured=(
            checked(OURS, 2, per_second=2 * ours, cpu_us=cpu_us),
            checked(ARQ, 1, per_second=100, cpu_us=2_000),
            checked(OURS, 1, per_second=ours, cpu_us=cpu_us),
            checked(ARQ, 2, per_second=200, cpu_us=2_000),
        )
    )
    assert found.ratio.median == pytest.approx(ours / 100)
    assert found.cpu_us.median == pytest.approx(cpu_us)
    assert found.is_reached is is_reached
