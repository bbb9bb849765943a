"""Runs Locust for one stage, as a process of its own, and gives what it counted.

Locust patches the process that imports it, so it is never imported here. If this process dies, Locust goes on to the
end of the stage and then ends by itself.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from loadtest.arrivals.result import Result, read
from loadtest.arrivals.schedule import Point, Spacing
from loadtest.proof.precedence import set_niceness

_LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"
_POLL_SECONDS = 0.2
_START_SECONDS = 60.0
# People who are under way at the end may take this long to be through.
_LAST_SECONDS = 300.0
# Each process has several clocks, so that arrivals at an even spacing do not come in step.
_CLOCKS_PER_PROCESS = 8
_FIRST = -10


class GeneratorError(RuntimeError):
    """Locust did not run; the message has its last words."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to offer: `rate` at the curve's full intensity, by the journeys of one class."""

    front_door: str
    rate: float
    points: tuple[Point, ...]
    spacing: Spacing
    mix: dict[str, float]
    processes: int
    in_flight_limit: int
    lag_limit_seconds: float
    run: str
    seed: int
    first_person: int = 0
    user_class: str = "Wave"
    mailbox: str | None = None
    sms: str | None = None
    think_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """How long people arrive."""
        return self.points[-1].seconds


def description() -> str:
    """For the report."""
    return (
        f"Locust {metadata.version('locust')} with open-model arrivals (loadtest/arrivals),"
        f" gevent {metadata.version('gevent')}, HdrHistogram"
    )


def command(load: Load, result: Path) -> list[str]:
    """The command line."""
    clocks = _CLOCKS_PER_PROCESS * load.processes
    options = {
        "--host": load.front_door,
        "--users": clocks,
        "--spawn-rate": clocks,
        "--arrivals-per-user": f"{load.rate / clocks:.9g}",
        "--arrivals-curve": ",".join(f"{point.seconds:.6g}:{point.intensity:.6g}" for point in load.points),
        "--arrivals-spacing": load.spacing,
        "--arrivals-mix": ",".join(f"{name}={weight:g}" for name, weight in load.mix.items()),
        "--arrivals-in-flight": load.in_flight_limit,
        "--arrivals-lag-seconds": load.lag_limit_seconds,
        "--arrivals-result": result,
        "--arrivals-run": load.run,
        "--arrivals-seed": load.seed,
        "--arrivals-first-person": load.first_person,
        "--arrivals-mailbox": load.mailbox,
        "--arrivals-sms": load.sms,
        "--arrivals-think-seconds": load.think_seconds,
        "--loglevel": "ERROR",
    }
    line = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "--only-summary", "--arrivals-end"]
    if load.processes > 1:
        line.append(f"--processes={load.processes}")
    return [*line, *(f"{name}={value}" for name, value in options.items() if value), load.user_class]


def offer(load: Load, folder: Path, *, passed: Callable[[float], None]) -> Result:
    """Run one stage; `passed` is told the seconds since its beginning now and then. Raises `GeneratorError`."""
    result = folder / f"{load.run}.json"
    log = folder / f"{load.run}.log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - Locust
            command(load, result),
            env={name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        set_niceness(process.pid, _FIRST)  # it needs little, and what it needs at once
        try:
            _wait(process, load, began, passed)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if not result.exists():
        words = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise GeneratorError(f"Locust did not run: {' / '.join(words) or 'it said nothing'}")
    return read(result)


def _wait(process: subprocess.Popen[bytes], load: Load, began: float, passed: Callable[[float], None]) -> None:
    limit = load.seconds + _START_SECONDS + _LAST_SECONDS
    while process.poll() is None:
        if time.monotonic() - began > limit:
            raise GeneratorError(f"Locust did not end within {limit:,.0f} s")
        passed(time.monotonic() - began)
        time.sleep(_POLL_SECONDS)
