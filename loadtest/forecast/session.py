"""One forecast, or one replay with the forecast beside it, from what was asked for to the files."""

import enum
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadtest.arrivals.profiles import PROFILES
from loadtest.bench import machine
from loadtest.bench.machine import Machine
from loadtest.bench.stock import with_database
from loadtest.bench.table import console
from loadtest.forecast import page
from loadtest.forecast import replay as replays
from loadtest.forecast import report as reports
from loadtest.forecast.model import Moment, Scenario, outlook, simulate
from loadtest.forecast.protection import Protection
from loadtest.forecast.replay import Compression, Replay
from loadtest.proof import record
from loadtest.proof.session import ENVIRONMENT_ERRORS as PROOF_ERRORS
from loadtest.proof.system import System
from registration.checks import Kind
from registration.store.database import Database

ENVIRONMENT_ERRORS = PROOF_ERRORS
_BUCKET_SECONDS = 10
_RATES = {Kind.NIK: "worker_rate", Kind.EMAIL: "mail_rate", Kind.PHONE: "text_rate"}
_SAID_EVERY_SECONDS = 10.0
_HORIZON = 6.0  # how far a replay's forecast looks, in its own length
# How much later than forecast the last verdict may come and still be waited for.
_LATER, _LATER_SECONDS = 1.3, 10.0
CLOSE = 0.1  # how far a forecast of when the queue is gone may be off


class Closeness(enum.IntEnum):
    """How a replay's queue drained beside its forecast."""

    CLOSE = 0
    FAR = 1
    NOT_SEEN = 2


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A replay and its forecast, both in compressed time. `protection` is what the forecast knew of the controller."""

    ministry_rate: float
    seconds: float
    one_in: float
    faster: float
    seen: Replay
    forecast_at_close: Moment
    forecast_drained_at_seconds: float | None
    protection: Protection
    machine: Machine

    @property
    def ratio(self) -> float | None:
        """When the queue was gone, over when it was forecast to be; None when one of them did not come to that."""
        seen, told = self.seen.drained_at_seconds, self.forecast_drained_at_seconds
        return seen / told if seen and told else None

    @property
    def closeness(self) -> Closeness:
        """What that comes to."""
        if self.ratio is None:
            return Closeness.NOT_SEEN
        return Closeness.CLOSE if abs(self.ratio - 1) <= CLOSE else Closeness.FAR

    def to_json(self) -> bytes:
        """For programs."""
        content = {**msgspec.to_builtins(self), "drain_ratio": self.ratio}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def forecast(
    profile: str,
    scenario: Scenario,
    rates: Sequence[float],
    *,
    proof: Path | None,
    measured: Mapping[str, float],
    output: Path,
) -> None:
    """Simulate, show, write. Raises what is in `ENVIRONMENT_ERRORS`."""
    sources = [f"{name.replace('_', ' ')} {rate:,.0f}/s, as measured" for name, rate in measured.items()]
    pod_rate = None
    if proof is not None:
        pod_rate = _pod_rate(proof)
        sources.append(f"a front-door pod takes {pod_rate:,.0f}/s, by {proof.name}")
    base = msgspec.structs.replace(scenario, **measured)
    cases = [(f"registry {rate:g}/s", msgspec.structs.replace(base, ministry_rate=rate)) for rate in rates]
    found = reports.forecast(profile, PROFILES[profile](), cases, pod_rate=pod_rate, sources=sources)
    out = console()
    for line in reports.lines(found):
        out.print(line)
    stem = report_stem(output, "forecast")
    stem.with_suffix(".json").write_bytes(found.to_json())
    stem.with_suffix(".html").write_text(page.render(found), encoding="utf-8")
    out.print(f"written: {stem}.json, .html")


def compressed(profile: str, *, seconds: float, one_in: float) -> Compression:
    """A profile in so many seconds, with one in so many people."""
    curve = PROFILES[profile]()
    return Compression(curve=curve, faster=curve.end_seconds / seconds, one_in=one_in)


def replay(
    system: System, compression: Compression, scenario: Scenario, output: Path, *, watch_seconds: float
) -> Compared:
    """Replay on a fresh system, and say what came of it beside what was forecast. Raises `ENVIRONMENT_ERRORS`.

    Where people wait at the close, they are watched until the last verdict is there, for `watch_seconds` at most.
    """
    out = console()
    short, seconds = compression.scenario(scenario), compression.seconds
    out.print(
        f"{seconds:,.0f} s: time runs {compression.faster:,.0f} times as fast, one in {compression.one_in:g} people"
        f" comes; the registry's {scenario.ministry_rate:g}/s are {short.ministry_rate:,.1f}/s here"
    )
    said = 0.0

    def told(moment: Moment) -> None:
        nonlocal said
        if moment.seconds - said >= _SAID_EVERY_SECONDS:
            said = moment.seconds
            out.print(_line(moment))

    horizon = _HORIZON * seconds
    moments = list(simulate(short, compression.short_curve, until_seconds=horizon, step_seconds=seconds / 3_000))
    expected = outlook(moments, short, close_seconds=seconds, busiest_second=0.0, few=replays.few(short))
    described = machine.describe(postgresql=system.version(), valkey="unknown", data=output, peer_python=None)
    drain = (expected.drained_at_seconds or horizon) * _LATER + _LATER_SECONDS - seconds
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        seen = replays.run(
            system, compression, scenario, Path(folder), told=told, drain_seconds=min(drain, watch_seconds)
        )
    compared = Compared(
        ministry_rate=scenario.ministry_rate,
        seconds=seconds,
        one_in=compression.one_in,
        faster=compression.faster,
        seen=seen,
        forecast_at_close=expected.at_close,
        forecast_drained_at_seconds=expected.drained_at_seconds,
        protection=Protection(short.ministry_share, short.finding),
        machine=described,
    )
    for line in compared_lines(compared):
        out.print(line)
    stem = report_stem(output, f"replay-{scenario.ministry_rate:g}")
    stem.with_suffix(".json").write_bytes(compared.to_json())
    out.print(f"written: {stem}.json")
    return compared


def compared_lines(found: Compared) -> list[str]:
    """What was seen, and what was forecast."""
    seen, told = found.seen.at_close, found.forecast_at_close
    drained, forecast = found.seen.drained_at_seconds, found.forecast_drained_at_seconds
    confirmed = f"of those who confirmed their mail {seen.confirmed_decided_share:.1%}"
    lines = [
        f"registered {seen.registered:,.0f} (forecast {told.registered:,.0f})",
        f"with a verdict at the close {seen.decided_share:.1%} (forecast {told.decided_share:.1%})",
        f"{confirmed} (forecast {told.confirmed_decided_share:.1%}); {seen.confirmed:,.0f} confirmed",
        f"the queue is gone after {_seconds(drained)} (forecast {_seconds(forecast)}){_off(found)}",
    ]
    if found.seen.errors:
        lines.append(f"answers that were not as they should be: {found.seen.errors}")
    return lines


def _off(found: Compared) -> str:
    if found.ratio is None:
        return ""
    verdict = "within" if found.closeness is Closeness.CLOSE else "NOT within"
    return f": {found.ratio - 1:+.1%}, {verdict} ±{CLOSE:.0%}"


def measured(data_dir: Path) -> dict[str, float]:
    """Rates of a local stack's workers: the checks settled in their busiest ten seconds of the last hour.

    Raises OSError when no stack runs there.
    """
    endpoints = data_dir / "endpoints.json"
    url: str = msgspec.json.decode(endpoints.read_bytes())["database_url"]

    async def ask(database: Database) -> dict[str, float]:
        rates = {}
        for kind, name in _RATES.items():
            rows = await database.fetch(
                # Names of an enumeration; `pending` is what was never touched.
                f"select count(*) as count from registrations where {kind}_state <> 'pending'"  # noqa: S608
                f" and {kind}_updated_at > now() - interval '1 hour'"
                f" group by floor(extract(epoch from {kind}_updated_at) / $1::int) order by count desc limit 1",
                _BUCKET_SECONDS,
            )
            if rows:
                rates[name] = rows[0]["count"] / _BUCKET_SECONDS
        return rates

    return with_database(url, ask)


def _pod_rate(path: Path) -> float:
    payload, _ = record.read(path)
    for one in payload.verdict.predicted:
        if one.pods == 1:
            return one.rate
    raise record.RecordError(f"{path} says nothing about pods")


def _line(moment: Moment) -> str:
    return (
        f"  {moment.seconds:>6,.0f} s  registered {moment.registered:>9,.0f}  waiting {moment.waiting:>9,.0f}"
        f"  verdict {moment.decided_share:>6.1%}  confirmed {moment.confirmed:>9,.0f}"
        f"  verdict of these {moment.confirmed_decided_share:>6.1%}"
    )


def _seconds(value: float | None) -> str:
    return "a time beyond what was watched" if value is None else f"{value:,.1f} s"


def report_stem(output: Path, name: str) -> Path:
    """What a report's files are called before their suffix; makes the folder."""
    output.mkdir(parents=True, exist_ok=True)
    # What stands behind a dot would be taken for a suffix, and replaced by the next one.
    return output / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}".replace(".", "_")
