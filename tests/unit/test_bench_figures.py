"""What the bench makes of its measurements: medians, ratios, the gate, the report."""

import re
from pathlib import Path

import msgspec
import pytest

from loadtest.bench import gate, page, report
from loadtest.bench.charts import ticks
from loadtest.bench.contender import GROUPS
from loadtest.bench.figures import CPU, RATE, Spread, figures, ratios
from loadtest.bench.load import Load
from loadtest.bench.machine import Machine
from loadtest.bench.report import Entrant, ExitCode, Report, ReportError
from loadtest.bench.rounds import Measurement, turned
from loadtest.bench.stock import Counted

MACHINE = Machine(
    kernel="Linux 6.1",
    processor="<Processor & Sons>",
    cores=2,
    memory_gib=8.0,
    load_average=0.1,
    python="CPython 3.11.2",
    postgresql="18.0",
    valkey="9.0",
    libraries=("aiohttp 3.14.5",),
    peer_libraries=("fastapi 0.165.0",),
    commit="0123456789ab",
    fsync_ms=0.5,
)


def measured(  # noqa: PLR0913 - a measurement of one second, and what a test varies of it
    name: str,
    number: int,
    *,
    accepted: int,
    cpu_us: float,
    rows: int | None = -1,
    foreign: float = 0.0,
    refused: int = 0,
) -> Measurement:
    stored = None if rows is None else Counted(accepted if rows == -1 else rows, 2 * accepted)
    load = Load(accepted=accepted, refused=refused, broken=0, seconds=1.0, p50_ms=10.0, p99_ms=30.0)
    return Measurement(
        contender=name,
        round=number,
        load=load,
        stored=stored,
        cpu_us=dict(zip(GROUPS, (cpu_us / 2, cpu_us / 4, cpu_us / 4), strict=True)),
        generator_cpu_us=15.0,
        foreign_share=foreign,
        stolen_share=0.0,
    )


def run(*measurements: Measurement) -> Report:
    """The report on these measurements."""
    names = dict.fromkeys(one.contender for one in measurements)
    return Report(
        started_at="2026-11-24T03:44:04+00:00",
        machine=MACHINE,
        generator="wrk 4.1.0",
        rounds=max(one.round for one in measurements),
        seconds=1.0,
        connections=256,
        entrants=tuple(Entrant(name, f"what {name} is", {"SETTING": "<1>"}) for name in names),
        figures=figures(measurements),
        ratios=ratios(measurements, subject=gate.SUBJECT),
        measurements=measurements,
    )


def good(rate: int = 7_000, cpu_us: float = 150.0, rows: int = -1) -> list[Measurement]:
    """One round of everybody, in which ours reaches all targets unless it is told otherwise."""
    return [
        measured("handler", 1, accepted=10_000, cpu_us=90.0, rows=None),
        measured("gelombang", 1, accepted=rate, cpu_us=cpu_us, rows=rows),
        measured("fastapi_arq", 1, accepted=800, cpu_us=1_600.0),
    ]


def test_a_ratio_is_taken_within_its_round() -> None:
    """When the machine halves for a round, both halve, and the ratio stands."""
    measurements = [
        measured("handler", 1, accepted=1_000, cpu_us=100.0, rows=None),
        measured("gelombang", 1, accepted=700, cpu_us=150.0),
        measured("gelombang", 2, accepted=350, cpu_us=160.0),
        measured("handler", 2, accepted=500, cpu_us=100.0, rows=None),
        measured("handler", 3, accepted=1_000, cpu_us=100.0, rows=None),
        measured("gelombang", 3, accepted=900, cpu_us=170.0),
    ]
    found = {ratio.figure: ratio for ratio in ratios(measurements, subject="gelombang")}
    assert found[RATE].rounds == (0.7, 0.7, 0.9)
    assert found[RATE].median == 0.7
    assert found[CPU].median == 1.6


def test_without_the_subject_there_are_no_ratios() -> None:
    """`--only handler` compares nothing."""
    assert ratios([measured("handler", 1, accepted=1, cpu_us=1.0)], subject="gelombang") == ()


def test_figures_are_median_and_range_over_the_rounds() -> None:
    """And what was counted is summed up."""
    rounds = [measured("gelombang", number, accepted=rate, cpu_us=100.0) for number, rate in ((1, 5), (2, 9), (3, 6))]
    (found,) = figures(rounds)
    assert found.per_second == Spread(median=6, least=5, most=9)
    assert found.cpu_us["app"] == Spread(median=50, least=50, most=50)
    assert (found.accepted, found.rows, found.entries, found.refused) == (20, 20, 40, 0)


def test_who_stores_nothing_has_no_rows() -> None:
    """Which is not the same as none."""
    (found,) = figures([measured("handler", 1, accepted=5, cpu_us=1.0, rows=None)])
    assert (found.rows, found.entries) == (None, None)


@pytest.mark.parametrize(
    ("measurements", "code"),
    [
        (good(), ExitCode.OK),
        (good(rate=6_000), ExitCode.TARGET_MISSED),
        (good(cpu_us=171.0), ExitCode.OK),
        (good(cpu_us=172.0), ExitCode.TARGET_MISSED),
        (good(rate=6_399), ExitCode.TARGET_MISSED),
        (good(rows=6_999), ExitCode.NOT_VALID),
        (good()[:2], ExitCode.NOT_VALID),
    ],
    ids=["good", "slow", "just cheap", "dear", "less than eight times", "a row is missing", "a peer is missing"],
)
def test_the_gate(measurements: list[Measurement], code: ExitCode) -> None:
    """Targets are missed only by a run that proves something."""
    assert gate.exit_code(run(*measurements)) is code


def test_the_gate_names_what_is_missed() -> None:
    """By its bound and what was found."""
    missed = [verdict for verdict in gate.judge(run(*good(rate=5_000))) if not verdict.reached]
    assert [(verdict.target, verdict.found) for verdict in missed] == [
        ("rate ≥ 0.6 × handler", "0.50"),
        ("rate ≥ 8 × fastapi_arq", "6.25"),
    ]


def test_more_rows_than_accepted_is_a_flaw_too() -> None:
    """An answer that was lost is as bad as a row that was lost."""
    assert measured("gelombang", 2, accepted=5, cpu_us=1.0, rows=6).flaw == "gelombang, round 2: 5 accepted, 6 rows"


def test_nothing_accepted_is_a_flaw() -> None:
    """Zero rows for zero answers prove nothing."""
    flaw = measured("gelombang", 1, accepted=0, cpu_us=1.0).flaw
    assert flaw is not None
    assert "nothing was accepted" in flaw


def test_a_disturbed_run_says_so() -> None:
    """And stays valid."""
    disturbed = run(measured("gelombang", 1, accepted=5, cpu_us=1.0, foreign=0.3))
    assert disturbed.flaws == ()
    assert "at worst 30%" in disturbed.disturbances[0]


def test_refusals_are_told() -> None:
    """They are not accepted, and cost the contender CPU."""
    told = run(measured("gelombang", 1, accepted=5, cpu_us=1.0, refused=15))
    assert told.disturbances == ("gelombang refused 15 of 20, at its own cost",)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The gate works on the file."""
    path = tmp_path / "report.json"
    path.write_bytes(run(*good()).to_json())
    assert report.read(path) == run(*good())
    assert msgspec.json.decode(path.read_bytes())["flaws"] == []


def test_another_file_is_no_report(tmp_path: Path) -> None:
    """Told in words, not by a traceback."""
    path = tmp_path / "other.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ReportError):
        report.read(path)


def test_the_page_needs_nothing_else() -> None:
    """No address, script or style from elsewhere; both colour schemes; every contender in both charts."""
    html = page.render(run(*good()))
    assert re.findall(r"https?://|<script|<link|@import|url\(", html) == []
    assert "prefers-color-scheme: dark" in html
    assert html.count('class="name"') == 2 * 3
    assert html.count("reached</span>") == 4


def test_the_page_escapes_what_the_machine_calls_itself() -> None:
    """A processor's name is text."""
    html = page.render(run(*good(rows=1)))
    assert "&lt;Processor &amp; Sons&gt;" in html
    assert "SETTING=&lt;1&gt;" in html
    assert "This run proves nothing." in html


@pytest.mark.parametrize("most", [0.0, 0.7, 1.0, 68.0, 1_326.0, 23_683.0])
def test_ticks_are_a_handful_and_reach_the_largest_value(most: float) -> None:
    """The longest bar stays within the chart."""
    found = ticks(most)
    assert found[0] == 0
    assert found[-1] >= most
    assert 2 <= len(found) <= 7


def test_each_round_begins_with_another_contender() -> None:
    """Nobody is always first, or always after the same one's leftovers."""
    assert [turned("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        list("abc"),
    ]
