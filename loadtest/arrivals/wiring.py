"""Ties arrivals to Locust: command-line options, the start of a test, reports to the master, and the result file.

Every process makes a `Flight` when a test starts. Workers add what is new to each of Locust's reports; the master, or
the only process, adds everything up and writes it when Locust quits: its own CSV files lose the end of a run. With
`--arrivals-end` Locust quits by itself once the curve is over and everybody has an answer.

Exit code 2, unless Locust has found a worse one: the generator was not able to do its work, so the run says nothing.
"""

import argparse
import logging
import os
import secrets
import time
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from loadtest.arrivals.account import Report
from loadtest.arrivals.crowd import Crowd
from loadtest.arrivals.flight import Flight, Offer
from loadtest.arrivals.profiles import PROFILES
from loadtest.arrivals.result import Result, generator_flaws
from loadtest.arrivals.schedule import Curve, Point, Spacing, flat

log = logging.getLogger(__name__)

_REPORT = "arrivals"
_END_LOOK_SECONDS = 0.25
_NOT_VALID = 2
_FOREVER_SECONDS = 10 * 365 * 86_400.0
_STOP_TIMEOUT_SECONDS = 15.0


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: Any) -> None:  # noqa: ANN401 - Locust's parser
    """What is ours beside Locust's own options."""
    parser.set_defaults(stop_timeout=_STOP_TIMEOUT_SECONDS)
    group = parser.add_argument_group("Arrivals (open model: each user is a clock)")
    option = group.add_argument
    option("--arrivals-per-user", type=float, default=1.0, help="Arrivals per second of one user")
    option("--arrivals-spacing", choices=list(Spacing), default=Spacing.POISSON, help="How arrivals of a user lie")
    option(
        "--arrivals-profile",
        default="",
        help=f"Curve over time: {', '.join(PROFILES)}; by default the full rate for ever",
    )
    option("--arrivals-profile-seconds", type=float, default=0.0, help="Stretch or compress the profile to this length")
    option("--arrivals-curve", default="", help="Curve of your own: SECONDS:INTENSITY,SECONDS:INTENSITY,…")
    option("--arrivals-mix", default="", help="Weights of the tasks, as register=90,mistype=10")
    option(
        "--arrivals-in-flight", type=int, default=4000, help="Arrivals under way at once, per process; more: not valid"
    )
    option("--arrivals-lag-seconds", type=float, default=0.05, help="Later than this, one in a hundred: not valid")
    option("--arrivals-answer-seconds", type=float, default=20.0, help="An answer must have come by then")
    option("--arrivals-result", default="", help="Write counts and histograms there as JSON when Locust quits")
    option("--arrivals-end", action="store_true", help="Quit when the curve is over and everybody has an answer")
    option("--arrivals-mailbox", default="", help="Address of the mailbox stand-in, for journeys that follow a link")
    option("--arrivals-sms", default="", help="Address of the SMS stand-in, for journeys that type a code")
    option("--arrivals-crowd", default="", help="File of `gelombang crowd`, for who takes the test and joins")
    option(
        "--arrivals-think-seconds", type=float, default=0.0, help="Mean wait before pressing a mailed link or answering"
    )
    option("--arrivals-run", default=f"run-{secrets.token_hex(4)}", help="Begins every idempotency key")
    option("--arrivals-seed", type=int, default=secrets.randbits(31), help="Who the made-up people are")
    option("--arrivals-first-person", type=int, default=0, help="Which of them comes first")


@events.init.add_listener  # type: ignore[untyped-decorator]
def wire(environment: Any, **_: Any) -> None:  # noqa: ANN401 - Locust's own signature
    """Once for each process."""
    environment.arrivals = Collector(environment)


class Collector:
    """What this process knows of the run: its own flight, and as the master everybody's reports."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust ships no type for what is set on it
        self._environment = environment
        self._total = Report()
        self._under_way: dict[str, bool] = {}
        self._started_at = 0.0
        self._wall_started_at = 0.0
        self._cpu_warning = False
        self._tests = 0
        hooks = environment.events
        hooks.test_start.add_listener(self.start)
        hooks.report_to_master.add_listener(self.report)
        hooks.worker_report.add_listener(self.collect)
        hooks.cpu_warning.add_listener(self.warn)
        hooks.quitting.add_listener(self.write)

    def start(self, **_: Any) -> None:  # noqa: ANN401
        """A test begins, here or on the master."""
        self._total = Report()
        self._under_way = {}
        self._tests += 1
        self._started_at, self._wall_started_at = time.monotonic(), time.time()
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            self._watch_end()
            return
        number = runner.worker_index if isinstance(runner, WorkerRunner) else 0
        asked = offer(self._options, test=self._tests)
        self._environment.flight = Flight(asked, number=max(0, number), address=self._address())
        if not isinstance(runner, WorkerRunner):
            self._watch_end()

    def report(self, client_id: str, data: dict[str, Any]) -> None:
        """A worker's report is about to leave."""
        del client_id
        flight: Flight | None = getattr(self._environment, "flight", None)
        if flight is not None:
            data[_REPORT] = {"report": flight.take().to_wire(), "over": flight.is_over}

    def collect(self, client_id: str, data: dict[str, Any]) -> None:
        """A worker's report came to the master."""
        found = data.get(_REPORT)
        if found is not None:
            self._total += Report.from_wire(found["report"])
            self._under_way[client_id] = not found["over"]

    def warn(self, **_: Any) -> None:  # noqa: ANN401
        """Locust has seen a process without CPU to spare."""
        self._cpu_warning = True

    def write(self, **_: Any) -> None:  # noqa: ANN401
        """Locust quits: the books are closed, and say whether they are worth something."""
        if isinstance(self._environment.runner, WorkerRunner) or not self._started_at:
            return
        result = self._result()
        if self._options.arrivals_result:
            Path(self._options.arrivals_result).write_bytes(result.to_json())
        flaws = generator_flaws(result)
        for flaw in flaws:
            log.error("Not valid: %s", flaw)
        if flaws:
            self._environment.process_exit_code = _NOT_VALID

    def _result(self) -> Result:
        flight: Flight | None = getattr(self._environment, "flight", None)
        if flight is not None:
            self._total += flight.take()
        runner = self._environment.runner
        return Result(
            run=self._options.arrivals_run,
            people_seed=self._options.arrivals_seed,
            wall_started_at=self._wall_started_at,
            processes=max(1, len(self._under_way)),
            missing=len(runner.clients.missing) if isinstance(runner, MasterRunner) else 0,
            cpu_warning=self._cpu_warning or bool(runner.worker_cpu_warning_emitted),
            lag_limit_seconds=self._options.arrivals_lag_seconds,
            report=self._total,
        )

    def _watch_end(self) -> None:
        if self._options.arrivals_end:
            gevent.spawn(self._quit_at_end)

    def _quit_at_end(self) -> None:
        end = offer(self._options).curve.end_seconds
        gevent.sleep(max(0.0, end - (time.monotonic() - self._started_at)))
        while not self._everybody_is_through():
            gevent.sleep(_END_LOOK_SECONDS)
        self._environment.runner.quit()

    def _everybody_is_through(self) -> bool:
        flight: Flight | None = getattr(self._environment, "flight", None)
        if flight is not None:
            return flight.is_over
        return bool(self._under_way) and not any(self._under_way.values())

    def _address(self) -> str:
        host = self._environment.host or next((c.host for c in self._environment.user_classes if c.host), None)
        return str(host or "http://127.0.0.1:8080")

    @property
    def _options(self) -> Any:  # noqa: ANN401 - argparse
        return self._environment.parsed_options


def offer(options: argparse.Namespace, *, test: int = 1) -> Offer:
    """What the options ask for; raises ValueError. Each test of one process has other people with other keys."""
    return Offer(
        run=options.arrivals_run if test == 1 else f"{options.arrivals_run}.{test}",
        seed=options.arrivals_seed + test - 1,
        first_person=options.arrivals_first_person,
        rate=options.arrivals_per_user,
        curve=_curve(options),
        spacing=Spacing(options.arrivals_spacing),
        in_flight_limit=options.arrivals_in_flight,
        timeout_seconds=options.arrivals_answer_seconds,
        mix=_mix(options.arrivals_mix),
        mailbox=options.arrivals_mailbox or None,
        sms=options.arrivals_sms or None,
        think_seconds=options.arrivals_think_seconds,
        crowd=Crowd.read(Path(options.arrivals_crowd)) if options.arrivals_crowd else None,
        processes=_processes(options),
    )


def _processes(options: argparse.Namespace) -> int:
    """How many this process is one of, as far as it was told: workers elsewhere need a crowd of their own."""
    asked: int | None = options.processes
    return len(os.sched_getaffinity(0)) if asked == -1 else asked or 1


def _curve(options: argparse.Namespace) -> Curve:
    if options.arrivals_curve:
        pairs = (part.split(":") for part in options.arrivals_curve.split(","))
        return Curve([Point(float(seconds), float(intensity)) for seconds, intensity in pairs])
    if not options.arrivals_profile:
        return flat(options.arrivals_profile_seconds or _FOREVER_SECONDS)
    if options.arrivals_profile not in PROFILES:
        raise ValueError(f"there is no profile {options.arrivals_profile}; there are {', '.join(PROFILES)}")
    curve = PROFILES[options.arrivals_profile]()
    return (
        curve.stretched(options.arrivals_profile_seconds / curve.end_seconds)
        if options.arrivals_profile_seconds
        else curve
    )


def _mix(text: str) -> dict[str, float]:
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name.strip(): float(weight or 1) for name, _, weight in pairs}
