"""Checking: how many NIK checks a second one worker does, and for how much CPU, beside an arq worker doing the same.

Against a ministry that answers at once, so that nothing is measured but the worker and the servers behind it. Each has
a backlog that outlasts the measurement; what counts is what the ministry was asked between two looks at its count.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec

from loadtest.bench import processes
from loadtest.bench.contender import APP, POSTGRESQL, VALKEY
from loadtest.bench.field import HOST, Ground, plain
from loadtest.bench.figures import Spread, spread
from loadtest.bench.rounds import turned
from loadtest.bench.serving import Program, running
from loadtest.bench.stock import with_database
from registration.applicant import Applicant
from registration.digests import Digests
from registration.sealing import KeyRing, Sealer
from registration.store import intake
from registration.store.database import Database
from registration.store.migrate import migrate
from simulators.people import make_person

OURS, ARQ = NAMES = ("gelombang", "arq")
LEAST_RATIO = 8.0
MOST_CPU_US = 220.0
# A share of the ceiling is granted only after what an earlier worker may still do has ended; then the limit is found.
_WARM_UP_SECONDS = {OURS: 8.0, ARQ: 3.0}
_MOST_PER_SECOND = {OURS: 9_000, ARQ: 1_200}
_BATCH = 512
_DIRECTORY = Path(__file__).parent
_SETTINGS = {
    "GELOMBANG_CONCURRENCY": "1024",  # as many are written while as many are asked about
    "GELOMBANG_MINISTRY_RATE_PER_SECOND": "100000",
    "GELOMBANG_MINISTRY_CONCURRENCY": "1000",
    "GELOMBANG_MINISTRY_TIMEOUT_SECONDS": "1",
    "GELOMBANG_LOG_LEVEL": "warning",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One worker in one round: checks a second, and µs of CPU for each, by process group."""

    worker: str
    round: int
    checks: int
    seconds: float
    cpu_us: Mapping[str, float]

    @property
    def per_second(self) -> float:
        """Checks a second."""
        return self.checks / self.seconds

    @property
    def cpu_us_total(self) -> float:
        """Of worker and servers together, the ministry apart."""
        return sum(self.cpu_us.values())


class Checking(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds."""

    measured: tuple[Checked, ...]

    def of(self, worker: str) -> Sequence[Checked]:
        """One worker's, in the order of rounds."""
        return sorted((one for one in self.measured if one.worker == worker), key=lambda one: one.round)

    @property
    def ratio(self) -> Spread:
        """Ours to arq's rate, within each round."""
        return spread([a.per_second / b.per_second for a, b in zip(self.of(OURS), self.of(ARQ), strict=True)])

    @property
    def cpu_us(self) -> Spread:
        """CPU of one of our checks."""
        return spread([one.cpu_us_total for one in self.of(OURS)])

    @property
    def is_reached(self) -> bool:
        """Whether both targets are."""
        return self.ratio.median >= LEAST_RATIO and self.cpu_us.median <= MOST_CPU_US

    def to_json(self) -> bytes:
        """The result for programs."""
        content = msgspec.to_builtins(self) | {
            "ratio": msgspec.to_builtins(self.ratio),
            "cpu_us": msgspec.to_builtins(self.cpu_us),
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """How to run one: `fill` gives it work, on stores that are empty."""

    program: Program
    fill: Callable[[int], None]


def run(ground: Ground, *, rounds: int, seconds: float, say: Callable[[str], None]) -> Checking:
    """Measure both in turn."""
    ours = _OurSide(ground)
    measured = []
    for number in range(1, rounds + 1):
        for name in turned(NAMES, number - 1):
            port = ground.private_port()
            worker = ours.worker(number, port) if name == OURS else _arq(ground, number, port)
            found = _measure(ground, worker, port=port, name=name, number=number, seconds=seconds)
            groups = ", ".join(f"{group} {us:.0f}" for group, us in found.cpu_us.items())
            say(f"{name:<10} round {number}: {found.per_second:>8,.0f}/s {found.cpu_us_total:>7,.0f} µs ({groups})")
            measured.append(found)
    return Checking(measured=tuple(measured))


def _measure(ground: Ground, worker: _Worker, *, port: int, name: str, number: int, seconds: float) -> Checked:
    warm_up = _WARM_UP_SECONDS[name]
    ground.stock("postgres").flush_entries()
    worker.fill(int(_MOST_PER_SECOND[name] * (warm_up + seconds)))
    ministry = Program(
        name="prompt_ministry",
        command=ground.wrap([sys.executable, "-P", str(_DIRECTORY / "prompt_ministry.py"), str(port)]),
        environment={},
        ready_url=f"http://{HOST}:{port}/calls",
    )
    with running([ministry], ground.directory), running([worker.program], ground.directory) as pids:
        time.sleep(warm_up)
        groups = {APP: pids, **{key: [ground.server_pids[key]] for key in (POSTGRESQL, VALKEY)}}
        before, calls_before, started = processes.snapshot(groups), _calls(port), time.monotonic()
        time.sleep(seconds)
        after, calls_after, ended = processes.snapshot(groups), _calls(port), time.monotonic()
    checks = calls_after - calls_before
    if not checks:
        raise RuntimeError(f"{name} did nothing in round {number}")
    return Checked(
        worker=name,
        round=number,
        checks=checks,
        seconds=ended - started,
        cpu_us={key: 1e6 * (after.groups[key] - before.groups[key]) / checks for key in groups},
    )


class _OurSide:
    """Our worker, on a copy of one filled database for each round."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ring = KeyRing.generate()
        self._filled = 0
        self._keys = ground.directory / "worker-keys.json"
        self._keys.touch(mode=0o600)
        self._keys.write_text(self._ring.to_json(), encoding="utf-8")
        ground.stock("postgres").run("create database checks")
        asyncio.run(migrate(ground.database_url("checks")))

    def worker(self, number: int, port: int) -> _Worker:
        """The worker of one round."""
        admin = self._ground.private_port()
        told = {
            **_SETTINGS,
            "GELOMBANG_DATABASE_URL": self._ground.database_url(f"checks_{number}"),
            "GELOMBANG_REDIS_URL": self._ground.redis_url,
            "GELOMBANG_KEYS": str(self._keys),
            "GELOMBANG_MINISTRY_URL": f"http://{HOST}:{port}",
            "GELOMBANG_ADMIN_PORT": str(admin),
        }
        return _Worker(
            program=Program(
                name="worker",
                command=self._ground.wrap([sys.executable, "-P", "-m", "verify_workers", "nik"]),
                environment={**plain(self._ground.environment), **told},
                ready_url=f"http://{HOST}:{admin}/readyz",
            ),
            fill=lambda count: self._copy(number, count),
        )

    def _copy(self, number: int, count: int) -> None:
        if self._filled < count:
            with_database(self._ground.database_url("checks"), lambda database: self._fill(database, count))
            self._filled = count
        if number > 1:
            self._ground.stock("postgres").run(f"drop database checks_{number - 1} with (force)")
        self._ground.stock("postgres").run(f"create database checks_{number} template checks")
        self._ground.stock(f"checks_{number}").run("vacuum (analyze) registrations", "checkpoint")

    async def _fill(self, database: Database, count: int) -> None:
        sealer, digests = Sealer(self._ring), Digests(self._ring)
        for first in range(self._filled, count, _BATCH):
            batch = [_registration(number, sealer, digests) for number in range(first, min(first + _BATCH, count))]
            await intake.accept(database, batch)


def _registration(number: int, sealer: Sealer, digests: Digests) -> intake.Registration:
    person = make_person(1, number)
    applicant = Applicant(**{name: getattr(person, name) for name in Applicant.__struct_fields__})
    item = uuid4()
    return intake.Registration(
        id=item,
        content_digest=b"content",
        nik_digest=digests.nik(applicant.nik),
        identity_digest=digests.identity(applicant),
        sealed=sealer.seal(applicant, item),
    )


def _arq(ground: Ground, number: int, port: int) -> _Worker:
    if ground.peer_python is None:
        raise RuntimeError("the peers are not installed: make bench installs them")
    name = f"arq_{number}"
    environment = {
        **plain(ground.environment),
        "DATABASE_URL": ground.database_url(name),
        "REDIS_URL": ground.redis_url,
        "MINISTRY_URL": f"http://{HOST}:{port}",
        "PYTHONPATH": str(_DIRECTORY / "peers"),
    }
    python = str(ground.peer_python)

    def fill(count: int) -> None:
        ground.stock("postgres").run(f"create database {name}")
        ground.stock(name).run((_DIRECTORY / "peers" / "schema.sql").read_text(encoding="utf-8"))
        script = str(_DIRECTORY / "peers" / "arq_nik.py")
        subprocess.run([python, "-P", script, str(count)], env=environment, check=True)  # noqa: S603 - our own script
        ground.stock(name).run("vacuum (analyze) registrations", "checkpoint")

    return _Worker(
        program=Program(
            name=ARQ,
            command=ground.wrap([python, "-m", "arq", "arq_nik.WorkerSettings"]),
            environment=environment,
            ready_url=f"http://{HOST}:{port}/calls",  # it has no port of its own: the ministry's answers at once
        ),
        fill=fill,
    )


def _calls(port: int) -> int:
    with contextlib.closing(urllib.request.urlopen(f"http://{HOST}:{port}/calls", timeout=10)) as answer:
        return int(answer.read())
