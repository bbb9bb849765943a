"""`gelombang bench --adaptation`: play the study, show it, write it as JSON and as a page."""

from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console

from loadtest.adaptation import page
from loadtest.adaptation.study import Study, name, study
from loadtest.bench.report import ExitCode
from loadtest.bench.table import console


def adaptation(*, seeds: int, output: Path) -> ExitCode:
    """`TARGET_MISSED` when somewhere less of the capacity was delivered than the target."""
    out = console()
    found = study(list(range(1, seeds + 1)), say=out.print)
    _show(found, out)
    output.mkdir(parents=True, exist_ok=True)
    stem = output / f"adaptation-{datetime.fromisoformat(found.started_at):%Y%m%dT%H%M%SZ}"
    stem.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    stem.with_suffix(".html").write_text(page.render(found), encoding="utf-8")
    out.print(f"written: {stem}.json, {stem}.html")
    return ExitCode.TARGET_MISSED if found.missed else ExitCode.OK


def _show(found: Study, out: Console) -> None:
    out.print(page.table(found))
    for one in found.recoveries:
        out.print(
            f"{name(one.registry)}, 5 min down: {one.calls_while_down} calls meanwhile, "
            f"{one.calls_for_each_answer:.3f} for each answer, {one.share_after:.2f} of capacity from 30 s after"
        )
    out.print(f"{len(found.missed)} of ours below the target")
