"""A running `gelombang up`, as a person or a script has it: command lines, files and HTTP only.

For the tests that import nothing of what they test; only the made-up people are the stand-ins' own.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from simulators.people import Person, make_person

DEADLINE_SECONDS = 180
# Of whoever runs the tests: a database of theirs must not be used here.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GELOMBANG_")}
# Most tests are not about it, and each stack would start a process more: those that are name an environment.
NOBODY_IS_ASKED = {"GELOMBANG_STUDENT_URL": ""}
API = "/api/v1/registrations"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """The body read as JSON."""
        return json.loads(self.body)


class Stack:
    """One `gelombang up`."""

    def __init__(self, directory: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.output = directory.with_name(f"{directory.name}.output")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                command("up", directory, *options),
                env={**ENVIRONMENT, **(NOBODY_IS_ASKED if environment is None else environment)},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    @property
    def endpoints(self) -> dict[str, Any]:
        """What the stack says about itself now."""
        found: dict[str, Any] = json.loads((self.directory / "endpoints.json").read_text())
        return found

    def wait_until_ready(self) -> None:
        """Return when it says so; fail with what was printed when the command ends instead."""
        eventually(lambda: self.process.poll() is not None or "Ctrl-C stops" in self.output.read_text())
        assert self.process.poll() is None, self.output.read_text()

    def wait_until_healthy(self) -> None:
        """Return when every part is ready again after a disturbance."""
        ready = [url.replace("/metrics", "/readyz") for url in self.endpoints["metrics"]]
        eventually(lambda: all(answers(url) for url in ready))

    def metric(self, name: str) -> dict[str, list[float]]:
        """A metric's values in all processes, by its labels as they are written."""
        values: dict[str, list[float]] = {}
        for page in (call("GET", url).body.decode() for url in self.endpoints["metrics"]):
            for labels, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page, re.MULTILINE):
                values.setdefault(labels, []).append(float(value))
        return values

    def kill(self, name: str) -> None:
        """As `kill -9` does."""
        os.kill(self.endpoints["pids"][name], signal.SIGKILL)

    def kill_family(self, name: str) -> None:
        """The same with its children: PostgreSQL's can outlive it for the moment that one more commit takes."""
        parent = self.endpoints["pids"][name]
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        for pid in (parent, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop everything, as SIGTERM does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_SECONDS)

    def call(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request to the front door; an error status is an answer like any other."""
        return call(method, urllib.parse.urljoin(self.endpoints["front_door"], path), body=body, headers=headers)

    def register(self, person: Person, *, key: str | None = None, confirm: tuple[str, ...] = ()) -> Answer:
        """Send somebody's data as a program does."""
        return self.call(
            "POST",
            API,
            body=json.dumps({**typed(person), "confirm": confirm}).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": key or secrets.token_hex(16)},
        )

    def status(self, handle: str) -> Any:  # noqa: ANN401 - whatever was sent
        """Where a registration stands."""
        return self.call("GET", f"{API}/{handle}").json

    def links(self, person: Person) -> list[str]:
        """The paths of the links in the mails to somebody, newest first."""
        return [found(r"/email/[A-Za-z0-9_-]+", text) for text in self.received("mailbox", person.email)]

    def codes(self, person: Person) -> list[str]:
        """The codes in the messages to somebody, newest first."""
        return [found(r"\b[0-9]{6}\b", text) for text in self.received("sms", person.phone)]

    def confirm(self, person: Person, handle: str) -> None:
        """Press the mailed link's button and type the code, as soon as they have come."""
        eventually(lambda: bool(self.links(person) and self.codes(person)))
        assert self.call("POST", self.links(person)[0]).status == 200
        body = json.dumps({"code": self.codes(person)[0]}).encode()
        sent = self.call("POST", f"{API}/{handle}/phone", body=body, headers={"Content-Type": "application/json"})
        assert sent.status == 200, sent.body

    def received(self, box: str, address: str) -> list[str]:
        """The texts of what somebody got in the mailbox or by SMS, newest first."""
        query = urllib.parse.urlencode({"to": address})
        return [message["text"] for message in call("GET", f"{self.endpoints[box]}/api/messages?{query}").json]


@contextlib.contextmanager
def running(
    directory: Path, *options: str, processes: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A stack that is ready, on a free port, with these settings; stopped in the end."""
    stack = Stack(directory, "--port", "0", "--processes", str(processes), *options, environment=environment)
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        stack.end()


def command(name: str, directory: Path, *options: str) -> list[str]:
    """The command line of a subcommand, as `up` or `dead list`."""
    return [sys.executable, "-m", "gelombang", *name.split(), "--data-dir", str(directory), *options]


def gelombang(name: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a subcommand to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        command(name, directory, *options),
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def call(method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request; an error status is an answer like any other."""
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def answers(url: str) -> bool:
    """Whether a URL is answered with 200."""
    try:
        return call("GET", url).status == 200
    except OSError:
        return False


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def someone(**changes: str) -> Person:
    """A made-up person whom no test has met before."""
    person = make_person(secrets.randbits(32), secrets.randbelow(1_000_000))
    return type(person)(**{**{name: getattr(person, name) for name in person.__struct_fields__}, **changes})


def typed(person: Person) -> dict[str, str]:
    """What the person types into the form."""
    return {
        "name": person.name,
        "birth_place": person.birth_place,
        "birth_date": person.birth_date.isoformat(),
        "nik": person.nik,
        "email": person.email,
        "phone": person.phone,
    }


def found(pattern: str, text: str) -> str:
    """What the pattern finds in the text; fails when it finds nothing."""
    match = re.search(pattern, text)
    assert match is not None, text
    return match[0]
