"""The local stack: which services it has, in which order they start, and what each is told about the others.

Reads top to bottom in starting order. A GELOMBANG_… variable that is already set wins over everything here, and a set
URL takes the place of the embedded server or stand-in.
"""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGKILL

from gelombang import embedded, launcher, probes, server
from gelombang.data_directory import DataDirectory
from gelombang.endpoints import Endpoints
from gelombang.local_settings import LOCAL_SETTINGS
from gelombang.ports import Ports, port_of
from gelombang.server import Server
from gelombang.service import Service
from gelombang.watching import FOLDER, Wanted, Watching, watching

HOST = "127.0.0.1"
# Seconds to stop in, of nine in all. What a group does not use is left to the groups after it.
DATABASE_GRACE_SECONDS = 3.0
SIMULATORS_GRACE_SECONDS = 1.0
# A worker needs the outside system that it asks; without the variable it could do nothing.
WORKERS = {"nik": "GELOMBANG_MINISTRY_URL", "email": "GELOMBANG_SMTP_URL", "phone": "GELOMBANG_SMS_URL"}
# Photos are kept in a folder unless a URL says otherwise, so their worker is always there. Whether somebody studies is
# asked of a stand-in, unless the variable is set: to another address, or to nothing, and then nobody is asked.
OTHER_WORKERS = {"photo": "GELOMBANG_OBJECTS_URL", "student": "GELOMBANG_STUDENT_URL"}


@dataclass
class Stack:
    """One local stack. `environment` is what the next service is told; it grows as services are added."""

    ports: Ports
    listener: socket.socket
    environment: dict[str, str]
    mailbox: str | None = None
    metrics: list[str] = field(default_factory=list)
    watched: dict[str, str] = field(default_factory=dict)  # admin addresses by process
    watch: Watching | None = None
    fault_control: str | None = None
    detours: dict[str, str] = field(default_factory=dict)  # variables that differ for those who go through the proxy

    @property
    def port(self) -> int:
        """The front door's port."""
        return port_of(self.listener)

    @property
    def front_door(self) -> str:
        """The address for people on this machine."""
        return f"http://{HOST}:{self.port}"

    def databases(self, directory: Path) -> list[Service]:
        """Describe PostgreSQL and Valkey, as far as no URL takes their place. Makes their data directories."""
        wanted: list[tuple[str, Server]] = []
        if "GELOMBANG_DATABASE_URL" not in self.environment:
            wanted.append(("GELOMBANG_DATABASE_URL", embedded.postgres(directory)))
        if "GELOMBANG_REDIS_URL" not in self.environment:
            wanted.append(("GELOMBANG_REDIS_URL", embedded.valkey(directory)))
        for variable, described in wanted:
            described.prepare()
            self.environment[variable] = described.url
        return [_database(described) for _, described in wanted]

    def migration(self) -> list[str]:
        """Give the command that brings the database's schema up to date."""
        return _python("gelombang", "migrate")

    def simulators(self) -> list[Service]:
        """Describe the stand-ins, unless every outside system has a URL already."""
        if all(variable in self.environment for variable in WORKERS.values()):
            return []
        ports = {name: self.ports.private() for name in ("ministry", "student", "mailbox", "smtp", "sms")}
        urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
        if "GELOMBANG_SMTP_URL" not in self.environment:
            self.mailbox = urls["mailbox"]
        self.environment = {
            "GELOMBANG_MINISTRY_URL": urls["ministry"],
            "GELOMBANG_STUDENT_URL": urls["student"],
            "GELOMBANG_SMTP_URL": f"smtp://{HOST}:{ports['smtp']}",
            "GELOMBANG_SMS_URL": urls["sms"],
            **self.environment,
        }
        options = [f"--{name}-port={port}" for name, port in ports.items()]
        lively = [f"{urls[name]}/livez" for name in ("ministry", "student", "mailbox", "sms")]
        return [
            Service(
                name="simulators",
                command=tuple(_python("simulators", f"--host={HOST}", *options)),
                environment=dict(self.environment),
                is_ready=lambda: all(probes.http_answers(url) for url in lively),
                grace_seconds=SIMULATORS_GRACE_SECONDS,
            )
        ]

    def fault_proxy(self) -> list[Service]:
        """Describe the proxy that front doors and workers reach everything else through."""
        from gelombang.detours import plan  # noqa: PLC0415 - needs the simulators, which production images leave out

        control = self.ports.private()
        detours = plan(self.environment, host=HOST, port=self.ports.private)
        self.fault_control = f"http://{HOST}:{control}"
        self.detours = {detour.variable: detour.url for detour in detours}
        options = [f"--host={HOST}", f"--port={control}", *(detour.option for detour in detours)]
        return [
            Service(
                name="fault-proxy",
                command=tuple(_python("simulators.fault_proxy", *options)),
                environment=dict(self.environment),
                is_ready=lambda: probes.http_answers(f"http://{HOST}:{control}/livez"),
                grace_seconds=SIMULATORS_GRACE_SECONDS,
            )
        ]

    def applications(self, processes: int, workers: int) -> list[Service]:
        """Describe the front doors, which share one socket, and the workers of each kind that has someone to ask."""
        doors = [self._door(f"ingest-{slot}") for slot in range(1, processes + 1)]
        checking = [self._worker(kind, slot) for kind in self.kinds() for slot in range(1, workers + 1)]
        return [*doors, *checking, self._worker("waves", 1)] if workers else doors

    def kinds(self) -> list[str]:
        """Give the kinds of check whose outside system is known."""
        return [kind for kind, variable in {**WORKERS, **OTHER_WORKERS}.items() if self.environment.get(variable)]

    def endpoints(self, pids: Mapping[str, int]) -> Endpoints:
        """Say where everything is."""
        return Endpoints(
            front_door=self.front_door,
            mailbox=self.mailbox,
            sms=self.environment.get("GELOMBANG_SMS_URL"),
            ministry=self.environment.get("GELOMBANG_MINISTRY_URL"),
            metrics=tuple(self.metrics),
            database_url=self.environment["GELOMBANG_DATABASE_URL"],
            redis_url=self.environment["GELOMBANG_REDIS_URL"],
            pids=dict(pids),
            student=self.environment.get("GELOMBANG_STUDENT_URL") or None,
            desk=self.desk,
            fault_proxy=self.fault_control,
            prometheus=self.watch.prometheus if self.watch else None,
            alertmanager=self.watch.alertmanager if self.watch else None,
        )

    @property
    def desk(self) -> str | None:
        """The call-centre page of the first front door; None where it is switched off."""
        door = self.watched.get("ingest-1")
        return f"http://{door}/desk" if door and self.environment.get("GELOMBANG_DESK") == "true" else None

    def watchers(self, directory: Path, wanted: Wanted) -> list[Service]:
        """Describe Prometheus and Alertmanager, which watch every application; none where they are not installed."""
        ports = self.ports.private(), self.ports.private()
        self.watch = watching(directory / FOLDER, self.watched, ports, wanted)
        return list(self.watch.services) if self.watch else []

    def _worker(self, kind: str, slot: int) -> Service:
        name = f"worker-{kind}" if slot == 1 else f"worker-{kind}-{slot}"
        return self._application(name, "verify_workers", kind, consumer=f"{kind}-{slot}")

    def _door(self, name: str) -> Service:
        shared = self.listener.fileno()
        door = self._application(name, "ingest")
        told = {**door.environment, "GELOMBANG_LISTEN_FD": str(shared)}
        return replace(door, environment=told, inherited=(shared,))

    def _application(self, name: str, *command: str, consumer: str = "") -> Service:
        admin = self.ports.private()
        self.metrics.append(f"http://{HOST}:{admin}/metrics")
        self.watched[name] = f"{HOST}:{admin}"
        own = {"GELOMBANG_PORT": str(self.port), "GELOMBANG_ADMIN_HOST": HOST, "GELOMBANG_ADMIN_PORT": str(admin)}
        if consumer:
            own["GELOMBANG_CONSUMER"] = consumer
        return Service(
            name=name,
            command=tuple(_python(*command)),
            environment={**self.environment, **self.detours, **own},
            is_ready=lambda: probes.http_answers(f"http://{HOST}:{admin}/readyz"),
        )


def compose(ports: Ports, *, port: int, directory: DataDirectory) -> Stack:
    """Begin a stack: listen on the front door's port, and lay down what every service is told."""
    listener = ports.listening(port)
    # PG… variables would redirect clients of the embedded server; whoever names a database of their own may need them.
    inherited = os.environ if os.environ.get("GELOMBANG_DATABASE_URL") else server.environment()
    may_be_empty = OTHER_WORKERS["student"]
    given = {
        name: value
        for name, value in inherited.items()
        if value or not name.startswith("GELOMBANG_") or name == may_be_empty
    }
    defaults = {
        **LOCAL_SETTINGS,
        "GELOMBANG_HOST": HOST,
        "GELOMBANG_PUBLIC_URL": f"http://{HOST}:{port_of(listener)}",
        "GELOMBANG_KEYS": str(directory.keys),
        "GELOMBANG_DATA_DIRECTORY": str(directory.path),
        "GELOMBANG_OBJECTS_URL": directory.photos.absolute().as_uri(),
        "PYTHONUNBUFFERED": "1",  # logs are read while things happen
    }
    return Stack(ports=ports, listener=listener, environment={**defaults, **given})


def _database(described: Server) -> Service:
    return Service(
        name=described.name,
        command=tuple(described.command),
        environment=server.environment(),
        is_ready=described.is_ready,
        stop_signal=described.stop_signal,
        grace_seconds=DATABASE_GRACE_SECONDS,
    )


def _python(module: str, *arguments: str) -> list[str]:
    # -P: a file in the caller's folder must not stand in for one of our modules. The death signal is the one that
    # cannot be ignored; accepted registrations are safe in PostgreSQL, and streams are refilled from there.
    return launcher.wrap([sys.executable, "-P", "-m", module, *arguments], death_signal=SIGKILL)
