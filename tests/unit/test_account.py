"""The books of the load generator."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from loadtest.arrivals.account import Account, Report, each, merged, ranges, size
from loadtest.arrivals.result import Result, generator_flaws


def taken(account: Account, *, busy_share: float = 0.1, clock_drift_seconds: float = 0.0) -> Report:
    """What is new, as the master reads it from a worker's message."""
    wire = account.take(busy_share=busy_share, cpu_seconds=0.5, clock_drift_seconds=clock_drift_seconds).to_wire()
    return Report.from_wire(msgspec.msgpack.decode(msgspec.msgpack.encode(wire)))


def a_run(process: str = "run-0", arrivals: int = 100) -> Account:
    """One arrival a second with a latency of a millisecond more each, all acked."""
    account = Account(process)
    for number in range(arrivals):
        account.due(number, lag_seconds=0.001)
        account.measure(number, latency_seconds=(number + 1) / 1e3, service_seconds=0.001)
        account.answer(number, "POST registration", "ok")
        account.acked(number)
        account.end()
    return account


def result(report: Report, *, missing: int = 0, cpu_warning: bool = False) -> Result:
    """A run that came to this."""
    return Result(
        run="run",
        people_seed=1,
        wall_started_at=0.0,
        processes=1,
        missing=missing,
        cpu_warning=cpu_warning,
        lag_limit_seconds=0.05,
        report=report,
    )


@given(st.sets(st.integers(min_value=0, max_value=60)))
def test_ranges_hold_exactly_their_numbers(numbers: set[int]) -> None:
    """However they come in, whole or in two halves."""
    low, high = [n for n in numbers if n % 3], [n for n in numbers if not n % 3]
    assert {n for first, end in ranges(list(numbers)) for n in range(first, end)} == numbers
    assert merged((*ranges(high), *ranges(low))) == ranges(list(numbers))


def test_reports_of_processes_and_of_times_add_up() -> None:
    """Two processes, one of which reports twice: counts, numbers and histograms are those of all together."""
    first = a_run("run-0", 50)
    total = taken(first) + taken(a_run("run-1", 100))
    first.due(7.5, lag_seconds=0.002)
    first.measure(7.5, latency_seconds=3.0, service_seconds=2.9)
    first.unknown(50)
    first.end()
    whole = result(total + taken(first)).window()
    assert (whole.due, whole.sent, whole.unsent) == (151, 151, 0)
    assert whole.latency.get_total_count() == 151
    assert round(whole.milliseconds(100)) in range(2997, 3004)
    assert size((total + taken(first)).acked) == 150
    assert total.cpu_seconds == 1.0
    assert list(each((total).acked))[:2] == ["run-0-0", "run-0-1"]


def test_a_window_holds_what_was_intended_in_it() -> None:
    """Seconds are those of the intended start, whenever the answer came."""
    window = result(taken(a_run())).window(10, 20)
    assert (window.due, window.seconds) == (10, 10)
    assert round(window.milliseconds(100)) == 20


def test_a_generator_that_did_its_work_has_no_flaws() -> None:
    """Otherwise no run would ever say anything."""
    assert generator_flaws(result(taken(a_run()))) == ()


def test_each_way_to_fall_short_is_named() -> None:
    """Not sent, late, out of CPU, cut off, a lost process, a clock that jumped, a bug: none passes in silence."""
    late, full, cut, skipped, broken = (a_run() for _ in range(5))
    for number in range(100):
        late.due(number, lag_seconds=0.3)
        late.end()
    full.refuse_to_send(1.0)
    cut.due(1.0, lag_seconds=0)
    skipped.skip(99.0)
    broken.bug("KeyError: 'handle'")
    found = {
        "late": generator_flaws(result(taken(late))),
        "full": generator_flaws(result(taken(full))),
        "cut": generator_flaws(result(taken(cut))),
        "skipped": generator_flaws(result(taken(skipped))),
        "broken": generator_flaws(result(taken(broken))),
        "busy": generator_flaws(result(taken(a_run(), busy_share=0.97))),
        "warned": generator_flaws(result(taken(a_run()), cpu_warning=True)),
        "clock": generator_flaws(result(taken(a_run(), clock_drift_seconds=-3_600.0))),
        "lost": generator_flaws(result(taken(a_run()), missing=1)),
        "nobody": generator_flaws(result(Report())),
    }
    words = {name: flaws[0] for name, flaws in found.items() if len(flaws) == 1}
    assert words.keys() == found.keys()
    assert "late" in words["late"]
    assert "1 arrivals were not sent" in words["full"]
    assert "still under way" in words["cut"]
    assert "due and not sent" in words["skipped"]
    assert "KeyError" in words["broken"]
    assert "out of CPU" in words["busy"]
    assert "out of CPU" in words["warned"]
    assert "-3600.00 s" in words["clock"]
    assert "went missing" in words["lost"]
    assert words["nobody"] == "nobody was due"
