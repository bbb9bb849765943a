"""The forecast against what is known of 2020, and against sums that can be done by hand."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.arrivals.profiles import WAVE1_PEAK_PER_SECOND, WAVE1_REGISTERED, wave1
from loadtest.arrivals.schedule import flat
from loadtest.bench.machine import Machine
from loadtest.forecast import page, protection
from loadtest.forecast.model import Moment, Outlook, Scenario, drained, outlook, pods_needed, simulate
from loadtest.forecast.replay import Compression, Replay, registry
from loadtest.forecast.report import forecast, lines
from loadtest.forecast.session import Compared, compared_lines, report_stem

HOUR = 3_600.0
CLOSE = 21 * HOUR
WAVE1 = Scenario(peak=WAVE1_PEAK_PER_SECOND)
MACHINE = Machine(
    kernel="Linux",
    processor="a processor",
    cores=2,
    memory_gib=8,
    load_average=0.1,
    python="CPython 3.11",
    postgresql="18",
    valkey="9",
    libraries=(),
    peer_libraries=(),
    commit="0123456789ab",
    fsync_ms=0.4,
)


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
    protected = compression.scenario(scenario)
    short = msgspec.structs.replace(protected, ministry_share=1.0, finding=())
    *_, last = simulate(short, compression.short_curve, until_seconds=compression.seconds, step_seconds=0.1)
    assert compression.seconds == pytest.approx(600)
    assert last.registered == pytest.approx(WAVE1_REGISTERED / 20)
    full = at_close(ministry_rate=8.3)
    assert last.decided_share == pytest.approx(full.decided_share, abs=0.002)
    assert last.confirmed_decided_share == pytest.approx(full.confirmed_decided_share, abs=0.002)


def test_what_protection_takes_delays_the_end() -> None:
    """100/s for 100 s at 40/s, of which 39.2 are used, and nothing in the first two seconds: 257 s instead of 250."""
    found = outcome(Scenario(peak=100, ministry_rate=40, ministry_share=0.98, finding=(0.0, 0.0)), seconds=100)
    assert found.drained_at_seconds == pytest.approx(10_000 / 39.2 + 2, abs=1)


def test_what_has_to_be_found_is_found_only_while_there_is_work() -> None:
    """A registry that nobody asks is not found: with one person in 100 s the first second's part still counts."""
    scenario = Scenario(peak=0.01, ministry_rate=40, finding=(0.1,))
    *_, last = simulate(scenario, flat(100), until_seconds=100, step_seconds=1)
    assert last.decided == pytest.approx(1.0)
    assert scenario.nik_rate(0.5) == pytest.approx(4.0)
    assert scenario.nik_rate(1.0) == pytest.approx(40.0)


def test_the_controller_is_cold_at_first_and_drains_now_and_then() -> None:
    """16 servers of 0.4 s: some seconds until it has found them, and a few hundredths for measuring from then on."""
    found = protection.played(servers=16, service_seconds=0.4)
    assert 0.95 < found.share < 1.0
    assert 1.5 < sum(1 - part for part in found.finding) < 5


def test_a_queue_is_gone_between_two_looks() -> None:
    """At the moment that the line between them tells; not before it is gone for good, and never when it is not."""

    def looks(*counts: float) -> list[Moment]:
        none = dict.fromkeys(Moment.__struct_fields__, 0.0)
        return [Moment(**{**none, "seconds": float(at), "waiting": count}) for at, count in enumerate(counts)]

    def when(*counts: float) -> float | None:
        return drained(looks(*counts), lambda one: one.waiting, few=10)

    assert when(30, 0, 40, 20, 0, 0) == pytest.approx(3.5)
    assert when(3, 5, 2) == 0.0
    assert when(30, 20, 10) is None


@pytest.mark.parametrize(("seen", "closeness"), [(105.0, 0), (91.0, 0), (111.0, 1), (80.0, 1), (None, 2)])
def test_a_replay_says_how_far_its_forecast_was_off(seen: float | None, closeness: int) -> None:
    """Within a tenth is close; what was not watched to its end is neither close nor far."""
    moment = Moment(*([0.0] * 10))
    compared = Compared(
        ministry_rate=8.3,
        seconds=60,
        one_in=100,
        faster=1_260,
        seen=Replay(moments=(moment,), close_seconds=60, drained_at_seconds=seen, errors={}),
        forecast_at_close=moment,
        forecast_drained_at_seconds=100.0,
        protection=protection.Protection(0.98, (0.1, 0.5)),
        machine=MACHINE,
    )
    assert compared.closeness == closeness
    assert compared_lines(compared)[3].endswith("±10%") == (seen is not None)
    assert msgspec.json.decode(compared.to_json())["drain_ratio"] == (seen and seen / 100)


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


def test_a_rate_in_a_reports_name_is_no_suffix(tmp_path: Path) -> None:
    """Replays at 8.3/s and at 8.7/s both were replay-8.json, though another name was said."""
    names = [report_stem(tmp_path, f"replay-{rate}").with_suffix(".json").name for rate in (8.3, 8.7)]
    assert [name.rsplit("-", 1)[0] for name in names] == ["replay-8_3", "replay-8_7"]
