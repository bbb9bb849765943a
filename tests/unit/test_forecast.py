"""The forecast against what is known of 2020, and against sums that can be done by hand."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.arrivals.profiles import WAVE1_PEAK_PER_SECOND, WAVE1_REGISTERED, wave1
from loadtest.arrivals.schedule import flat
from loadtest.forecast import page
from loadtest.forecast.model import Moment, Outlook, Scenario, outlook, pods_needed, simulate
from loadtest.forecast.replay import Compression, registry
from loadtest.forecast.report import forecast, lines

HOUR = 3_600.0
CLOSE = 21 * HOUR
WAVE1 = Scenario(peak=WAVE1_PEAK_PER_SECOND)


def at_close(**changes: float) -> Moment:
    """How wave 1 stands after 21 hours."""
    scenario = msgspec.structs.replace(WAVE1, **changes)
    *_, last = simulate(scenario, wave1(), until_seconds=CLOSE, step_seconds=10)
    return last


def test_the_registry_of_2020_gives_the_share_of_2020() -> None:
    """624,090 verdicts in 21 hours are 8.3 a second: 43.6 % of those who had registered, and nobody counted twice."""
    found = at_close(ministry_rate=624_090 / CLOSE)
    assert found.registered == pytest.approx(WAVE1_REGISTERED)
    assert found.decided_share == pytest.approx(0.436, abs=0.001)
    # The rate is used for those who confirmed their mail as soon as there are enough of them: no more is possible.
    assert found.confirmed - found.confirmed_waiting == pytest.approx(found.decided, rel=0.01)


def test_three_times_that_registry_would_have_been_enough() -> None:
    """At 25 a second at least 99 % have a verdict after 21 hours."""
    assert at_close(ministry_rate=25.0).decided_share >= 0.99


def test_a_quota_stops_verdicts_until_midnight() -> None:
    """100,000 calls a day: two days begin within the 21 hours."""
    assert at_close(ministry_rate=25.0, quota=100_000.0).decided == pytest.approx(200_000)


def outcome(scenario: Scenario, *, seconds: float) -> Outlook:
    """A steady stream for so long, watched for ten times as long."""
    moments = list(simulate(scenario, flat(seconds), until_seconds=10 * seconds, step_seconds=1))
    return outlook(moments, scenario, close_seconds=seconds, busiest_second=scenario.peak)


def test_a_queue_grows_and_drains_as_arithmetic_says() -> None:
    """100/s for 100 s at a registry of 40/s: 6,000 wait at the close, and 250 s after the opening nobody does."""
    found = outcome(Scenario(peak=100, ministry_rate=40), seconds=100)
    assert found.peak_waiting == pytest.approx(6_000)
    assert found.peak_at_seconds == 100
    assert found.drained_at_seconds == pytest.approx(250, abs=2)


def test_what_never_drains_says_so() -> None:
    """No time is better than a wrong one."""
    assert outcome(Scenario(peak=100, ministry_rate=1), seconds=100).drained_at_seconds is None


def test_a_door_that_is_too_small_makes_people_wait_there() -> None:
    """200/s for 100 s at a door of 100/s: the last one waits 100 s; two pods of that kind are enough."""
    found = outcome(Scenario(peak=200, door_rate=100), seconds=100)
    assert found.peak_door_wait_seconds == pytest.approx(100)
    assert pods_needed(200, 100) == 2


@settings(max_examples=30)
@given(
    ministry=st.floats(min_value=0.1, max_value=500),
    mail=st.floats(min_value=0.1, max_value=500),
    share=st.floats(min_value=0, max_value=1),
    confirm=st.floats(min_value=0, max_value=1_000),
)
def test_nobody_is_lost_and_nobody_is_counted_twice(ministry: float, mail: float, share: float, confirm: float) -> None:
    """At every moment the registered are those who wait and those who have a verdict; the confirmed are among them."""
    scenario = Scenario(peak=100, ministry_rate=ministry, mail_rate=mail, confirm_share=share, confirm_seconds=confirm)
    for found in simulate(scenario, flat(50), until_seconds=200, step_seconds=2):
        assert found.waiting + found.decided == pytest.approx(found.registered, abs=1e-6)
        assert -1e-6 <= found.confirmed_waiting <= found.waiting + 1e-6
        assert found.confirmed <= found.registered * share + 1e-6
        assert found.confirmed - found.confirmed_waiting <= found.decided + 1e-6


def test_a_compressed_wave_has_the_same_shares() -> None:
    """126 times as fast with one in 20 people: the same picture in ten minutes."""
    compression = Compression(curve=wave1(), faster=126, one_in=20)
    scenario = msgspec.structs.replace(WAVE1, ministry_rate=8.3)
    short = compression.scenario(scenario)
    *_, last = simulate(short, compression.short_curve, until_seconds=compression.seconds, step_seconds=0.1)
    assert compression.seconds == pytest.approx(600)
    assert last.registered == pytest.approx(WAVE1_REGISTERED / 20)
    full = at_close(ministry_rate=8.3)
    assert last.decided_share == pytest.approx(full.decided_share, abs=0.002)
    assert last.confirmed_decided_share == pytest.approx(full.confirmed_decided_share, abs=0.002)


@pytest.mark.parametrize("rate", [0.5, 8.3, 52.0, 900.0])
def test_the_stand_in_registry_has_the_rate_that_is_asked_for(rate: float) -> None:
    """So many calls at once, each as long as it must be."""
    asked = registry(rate)
    assert asked["capacity"] / asked["latency_seconds"] == pytest.approx(rate)
    assert asked["capacity"] == int(asked["capacity"])


def test_a_report_says_what_it_takes() -> None:
    """As lines and as a page that needs nothing from elsewhere."""
    cases = [(f"registry {rate:g}/s", msgspec.structs.replace(WAVE1, ministry_rate=rate)) for rate in (8.3, 25.0)]
    found = forecast("wave1", wave1(), cases, pod_rate=2_000, sources=["somebody's word"])
    assert 18 < found.ministry_rate_needed < 22
    assert math.isfinite(found.quota_needed)
    assert [case.pods for case in found.cases] == [1, 1]
    assert "43.8% have a verdict" in "\n".join(lines(found))
    html = page.render(found)
    assert html.count("<svg") >= 3
    assert not [word for word in ("http://", "https://", "<script", "@import") if word in html]
