"""Offers load to one URL: by wrk where it is installed, else by our own generator; both as a process of their own.

A closed model: each connection waits for its answer before it asks again. Every request that was sent gets its answer
before the generator ends, so what it counted can be compared with what was stored.
"""

import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

# For the last answers to come, after the last request was sent. A server that needs longer makes the run invalid.
DRAIN_SECONDS = 3
_ANSWER_SECONDS = 20
_START_SECONDS = 60
_SCRIPT = Path(__file__).with_name("wrk.lua")


class LoadError(RuntimeError):
    """The generator could not run; the message says what it said."""


class Load(msgspec.Struct, frozen=True):
    """What one generator saw. `broken` counts connections that failed and answers that came too late.

    The last three are our own generator's: wrk does not tell the times of refusals apart.
    """

    accepted: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_cpu_seconds: float = 0.0
    accepted_p99_ms: float | None = None
    refused_p99_ms: float | None = None
    without_retry_after: int | None = None


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A way to offer load. `program` is wrk's path, or None for our own.

    With `every_seconds` a client asks by its own clock that often, else at once after each answer; wrk cannot do it.
    """

    program: str | None
    bodies: Path
    connections: int
    every_seconds: float = 0.0

    @property
    def description(self) -> str:
        """For the report."""
        if self.program is None:
            return "loadtest.bench.generator (Python): it takes more CPU from the servers than wrk, where there is one"
        version = subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False)  # noqa: S603 - wrk
        return " ".join(version.stdout.split()[:2])

    def offer(self, url: str, *, seconds: float, prefix: str, first_body: int = 0) -> Load:
        """Send bodies for some seconds, from the first one named on, wait for the last answers, and give what was seen.

        Raises `LoadError`.
        """
        with tempfile.TemporaryDirectory(prefix="gelombang-bench-") as folder:
            result = Path(folder) / "result.json"
            told = {
                "BENCH_BODIES": str(self.bodies),
                "BENCH_FIRST_BODY": str(first_body),
                "BENCH_PREFIX": prefix,
                "BENCH_SECONDS": str(seconds),
                "BENCH_RESULT": str(result),
                "BENCH_EVERY_SECONDS": str(self.every_seconds),
            }
            spent = _children_cpu_seconds()
            ended = subprocess.run(  # noqa: S603 - wrk, or our own
                self._command(url, seconds),
                env={**os.environ, **told},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds + DRAIN_SECONDS + _START_SECONDS,
            )
            if ended.returncode != 0 or not result.exists():
                raise LoadError(f"the load generator failed: {(ended.stderr or ended.stdout).strip()[-500:]}")
            load = msgspec.json.decode(result.read_bytes(), type=Load)
        return msgspec.structs.replace(load, generator_cpu_seconds=_children_cpu_seconds() - spent)

    def _command(self, url: str, seconds: float) -> list[str]:
        if self.program is None:
            return [sys.executable, "-P", "-m", "loadtest.bench.generator", url, str(self.connections)]
        threads = min(self.connections, max(1, len(os.sched_getaffinity(0)) // 2))
        options = {
            "--threads": threads,
            "--connections": self.connections,
            "--duration": f"{math.ceil(seconds) + DRAIN_SECONDS}s",
            "--timeout": f"{_ANSWER_SECONDS}s",
            "--script": _SCRIPT,
        }
        return [self.program, *(part for name, value in options.items() for part in (name, str(value))), url]


def choose(*, bodies: Path, connections: int, own: bool = False) -> Generator:
    """The better of what is there, or our own when it is asked for."""
    return Generator(program=None if own else shutil.which("wrk"), bodies=bodies, connections=connections)


def _children_cpu_seconds() -> float:
    """Of the children that have ended: while the generator runs, no other one does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
