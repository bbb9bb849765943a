"""`gelombang bench --adaptation --live`: rivals first, then our workers, each on a stack that is started for it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadtest.adaptation import live_report
from loadtest.adaptation.live import Live, Stack, ours, theirs
from loadtest.adaptation.live_report import LiveReport
from loadtest.adaptation.rivals import RIVALS
from loadtest.adaptation.scenarios import Registry, steps
from loadtest.bench.report import ExitCode
from loadtest.bench.table import console

WORKERS = (1, 4)
# Starts a system with so many workers, of which only the NIK ones are at work.
Start = Callable[[int], AbstractContextManager[Stack]]


def live(start: Start, registry: Registry, *, leg_seconds: float, output: Path) -> ExitCode:
    """`TARGET_MISSED` when one of ours delivered less of the capacity than the target. Takes 12 legs and a minute."""
    out = console()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    runs: list[Live] = []

    def add(run: Live) -> None:
        runs.append(run)
        out.print(f"{live_report.label(run)}: " + " ".join(f"{share:.3f}" for share in run.shares))

    for workers in WORKERS:
        scenario = steps(registry, workers=workers, leg_seconds=leg_seconds)
        with start(workers) as stack:
            for rival in RIVALS if workers == 1 else ():
                add(asyncio.run(theirs(stack, registry, scenario, rival)))
            add(asyncio.run(ours(stack, registry, scenario, seed=workers, say=out.print)))
    report = LiveReport(started_at, registry, leg_seconds, runs)
    out.print(live_report.table(report))
    output.mkdir(parents=True, exist_ok=True)
    stem = output / f"adaptation-live-{datetime.fromisoformat(started_at):%Y%m%dT%H%M%SZ}"
    stem.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    stem.with_suffix(".html").write_text(live_report.render(report), encoding="utf-8")
    out.print(f"written: {stem}.json, {stem}.html")
    return ExitCode.TARGET_MISSED if report.missed else ExitCode.OK
