"""What the stand-in counted becomes shares of capacity, a table and a chart."""

import pytest

from loadtest.adaptation import live_report
from loadtest.adaptation.live import Live, delivered, per_second
from loadtest.adaptation.live_report import LiveReport
from loadtest.adaptation.rivals import at_once, growing
from loadtest.adaptation.scenarios import Registry, steps

REGISTRY = Registry(10, 0.1)
SCENARIO = steps(REGISTRY, workers=1, leg_seconds=20.0)


def test_only_what_came_after_the_grace_counts() -> None:
    """A hundred a second, fifty, a hundred: nothing in the ten seconds in which a change is found."""
    rates = [0.0] * 10 + [100.0] * 10 + [0.0] * 10 + [45.0] * 10 + [0.0] * 10 + [50.0] * 10
    assert delivered(REGISTRY, SCENARIO, rates) == [1.0, 0.9, 0.5]


def test_a_late_look_makes_no_second_richer() -> None:
    """Rates are of the time that passed, not of the number of looks."""
    assert per_second([(0.0, 0), (1.0, 100), (3.0, 300), (3.5, 350)]) == [100.0, 100.0, 100.0]


def test_legs_can_be_shorter_than_the_simulations() -> None:
    """Three of them, with half of the servers in the middle."""
    assert [phase.at_seconds for phase in SCENARIO.phases] == [0.0, 20.0, 40.0]
    assert [phase.per_second for phase in SCENARIO.phases] == [100.0, 50.0, 100.0]
    assert SCENARIO.seconds == 60.0


def test_ours_below_the_target_is_a_miss_and_a_rivals_is_none() -> None:
    """The exit code is about our own workers; table and page show everyone."""
    bad = Live("fixed, 100 calls", 1, [(1.0, 20.0)], [0.2, 0.1, 0.2], 900, 100)
    good, poor = (
        Live("gelombang", n, [(1.0, 95.0)], [share, 0.96, 0.97], 900, 20) for n, share in ((1, 0.98), (4, 0.9))
    )
    report = LiveReport("2026-11-24T08:00:00+00:00", REGISTRY, 20.0, [bad, good, poor])
    assert report.missed == [poor]
    assert live_report.table(report).row_count == 3
    page = live_report.render(report)
    assert "gelombang, 4 workers" in page
    assert '<td class="missed">0.90</td>' in page
    assert page.count('<path class="line') == 4


@pytest.mark.parametrize("failures", [1, 2, 5, 20])
def test_who_backs_off_waits_twice_as_long_each_time(failures: int) -> None:
    """Up to a minute; who does not, waits for nothing."""
    longest = min(0.5 * 2 ** (failures - 1), 60.0)
    assert longest / 2 <= growing(failures) <= longest
    assert at_once(failures) < 0.1
