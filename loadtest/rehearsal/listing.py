"""A long list of affected workers goes in, some of its rows bad: time, memory, and the report of what was bad.

The list is imported by the command that operators use, in a process of its own whose memory is measured; a list of a
tenth the length tells whether memory grows with it.
"""

import asyncio
import csv
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtest.rehearsal.findings import Claim, Findings
from loadtest.rehearsal.ground import Ground
from simulators.people import make_person

_BAD_EACH = 1_000
# What spreadsheets and people make of a NIK, and the reason that the report has to give.
_SPOILT = (("", "nik_missing"), ("3,17401E+15", "nik_format"), ("317401430290", "nik_format"), ("?", "nik_format"))
_GROWTH = 1.1
_SHORTER = 10
_EXIT_BAD_ROWS = 1
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Plan:
    """So many rows, into the stack of this data directory."""

    rows: int
    data_directory: Path


class _Run:
    """One import: how it ended, how long it took, and the most memory it had."""

    def __init__(self, status: int, seconds: float, peak_bytes: int) -> None:
        self.status = status
        self.seconds = seconds
        self.peak_bytes = peak_bytes


class Listing:
    """One run of a plan."""

    def __init__(self, plan: Plan, ground: Ground) -> None:
        self._plan = plan
        self._ground = ground

    async def run(self) -> Findings:
        """Import a short list, the long one, and that again; gives what was found."""
        rows, folder = self._plan.rows, self._ground.folder
        short, long = folder / "short.csv", folder / "long.csv"
        self._write(short, first=rows, count=rows // _SHORTER)
        expected = self._write(long, first=0, count=rows)
        self._ground.say(
            f"a list of {rows:,} rows, {long.stat().st_size / 2**20:,.0f} MiB, {len(expected):,} of them bad"
        )
        small = await asyncio.to_thread(self._import, short)
        large = await asyncio.to_thread(self._import, long)
        kept = await self._kept()
        reported = _report(long)
        again = await asyncio.to_thread(self._import, long)
        kept_again = await self._kept()
        good = rows - len(expected)
        numbers = {
            "rows": rows,
            "bad": len(reported),
            "seconds": large.seconds,
            "rows a second": rows / large.seconds,
            "most memory, MiB": large.peak_bytes / 2**20,
            "most memory for a tenth of the rows, MiB": small.peak_bytes / 2**20,
            "seconds for the same list again": again.seconds,
        }
        growth = large.peak_bytes / small.peak_bytes
        claims = (
            Claim("every good row is kept", kept["long"] == good, f"{kept['long']:,} of {good:,}"),
            Claim("the report names every bad line and why", reported == expected, f"{len(reported):,} lines"),
            Claim("bad rows are an exit code", large.status == _EXIT_BAD_ROWS, str(large.status)),
            Claim(
                "the same list again changes nothing", kept_again == kept and _report(long) == expected, str(kept_again)
            ),
            Claim(
                "memory does not grow with the list", growth <= _GROWTH, f"{growth:.2f} times for ten times the rows"
            ),
        )
        return self._ground.findings("a long list of affected workers", numbers, claims)

    def _write(self, file: Path, *, first: int, count: int) -> Mapping[int, str]:
        """A list as ministries send them; gives the bad lines with their reasons."""
        bad: dict[int, str] = {}
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=";")
            writer.writerow(["No", "Nama", "NIK", "Alamat"])
            for row in range(count):
                person = make_person(self._ground.seed, first + row)
                nik = person.nik
                if row % _BAD_EACH == _BAD_EACH // 2:
                    nik, bad[row + 2] = _SPOILT[row // _BAD_EACH % len(_SPOILT)]
                writer.writerow([row + 1, person.name, nik, person.birth_place])
        return bad

    def _import(self, file: Path) -> _Run:
        began = time.monotonic()
        line = [sys.executable, "-P", "-m", "gelombang", "affected", "import", str(file), "--source", file.stem]
        process = os.posix_spawn(
            sys.executable, [*line, "--data-dir", str(self._plan.data_directory)], os.environ, setpgroup=0
        )
        peak_bytes = 0
        while not (ended := os.waitpid(process, os.WNOHANG))[0]:
            peak_bytes = max(peak_bytes, _peak_bytes(process))
            time.sleep(_LOOK_SECONDS)
        return _Run(os.waitstatus_to_exitcode(ended[1]), time.monotonic() - began, peak_bytes)

    async def _kept(self) -> Mapping[str, int]:
        """Rows in PostgreSQL by list."""
        rows = await self._ground.insist(
            lambda: self._ground.database.fetch("select source, count(*) as rows from affected_workers group by 1")
        )
        return {row["source"]: row["rows"] for row in rows}


def _peak_bytes(process: int) -> int:
    """The most memory that a process had so far: its own, which what the system tells of an ended child is not."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return sizes[0] if sizes else 0  # it has ended and nobody has asked how yet


def _report(file: Path) -> Mapping[int, str]:
    """The bad lines that the command reported."""
    with file.with_name(f"{file.name}.rejected.csv").open(encoding="utf-8", newline="") as source:
        return {int(row["line"]): row["reason"] for row in csv.DictReader(source)}
