"""Keys are rotated, moved from and retired while the system takes in and verifies registrations: nothing fails."""

import json
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from simulators.people import Person
from tests.stack import ENVIRONMENT, Stack, command, eventually, found, gelombang, running, someone


@pytest.fixture(scope="module")
def rotating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: its keys change."""
    with running(tmp_path_factory.mktemp("keys") / "data") as started:
        yield started


class Crowd:
    """Registers people one after another until it is told to stop."""

    def __init__(self, stack: Stack) -> None:
        self.registered: list[tuple[Person, str]] = []
        self.refused: list[int] = []
        self._stack = stack
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            person = someone()
            answer = self._stack.register(person)
            if answer.status == 202:
                self.registered.append((person, answer.json["handle"]))
            else:
                self.refused.append(answer.status)


def test_keys_change_under_load_and_nothing_fails(rotating: Stack) -> None:
    """Registrations from before, during and after a rotation all complete; none is left under the old key."""
    with Crowd(rotating) as crowd:
        eventually(lambda: len(crowd.registered) > 20)
        newest = int(found(r"(?<=key )[0-9]+(?= is in)", keys(rotating, "rotate").stdout))
        eventually(lambda: counts(rotating).get(newest, 0) > 20)
        eventually(lambda: all(value == newest for value in metric(rotating, "gelombang_sealing_key")))
        during = keys(rotating, "reseal")
        retired = keys(rotating, "retire", "1")
    assert (during.returncode, retired.returncode) == (0, 0), during.stdout + retired.stdout + retired.stderr
    assert "0 remain under other keys" in during.stdout
    assert crowd.refused == []

    sample = [*crowd.registered[:3], *crowd.registered[-3:]]
    for person, handle in sample:
        rotating.confirm(person, handle)
    eventually(lambda: all(settled(rotating, handle) for _, handle in crowd.registered))
    assert {rotating.status(handle)["state"] for _, handle in sample} == {"complete"}
    assert set(counts(rotating)) == {newest}
    assert sum(metric(rotating, "gelombang_bugs_total")) == 0
    books = json.loads(gelombang("ledger", rotating.directory, "--json").stdout)
    assert books["balances"]
    assert sum(metric(rotating, "gelombang_set_aside")) == 0


def test_a_key_in_use_stays(rotating: Stack) -> None:
    """Neither the newest key nor one with rows under it can be retired, and an unknown one is said to be unknown."""
    rotating.register(someone())
    newest = max(ring(rotating))
    for key_id, said in ((str(newest), "is the newest"), ("77", "has no key 77")):
        refused = keys(rotating, "retire", key_id)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert said in refused.stderr


def test_the_ring_stays_private(rotating: Stack) -> None:
    """A rotation leaves a file that only its owner can read, and no secret is ever printed."""
    said = [keys(rotating, name) for name in ("rotate", "list")]
    file = rotating.directory / "keys.json"
    secrets = [*ring(rotating).values(), json.loads(file.read_text())["index"]]

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [done.returncode for done in said] == [0, 0]
    assert not [secret for secret in secrets for done in said if secret in done.stdout + done.stderr]
    assert "index secret is not rotated" in " ".join(keys(rotating, "rotate", "--help").stdout.split())


def test_a_ring_in_the_environment_cannot_be_rotated(tmp_path: Path) -> None:
    """One plain line says what to do instead, and the ring is not quoted."""
    secret = "A" * 43 + "="
    done = subprocess.run(  # noqa: S603 - our own command
        [*command("keys", tmp_path)[:4], "rotate"],
        env={**ENVIRONMENT, "GELOMBANG_KEYS": json.dumps({"index": secret, "sealing": {"1": secret}})},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert "Write it to a file" in done.stderr
    assert secret not in done.stderr


def keys(stack: Stack, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `gelombang keys …`."""
    line = [*command("keys", stack.directory)[:4], name, *arguments, "--data-dir", str(stack.directory)]
    return subprocess.run(line, env=ENVIRONMENT, check=False, capture_output=True, text=True)  # noqa: S603 - our own command


def ring(stack: Stack) -> dict[int, str]:
    """The sealing keys in the file."""
    found: dict[str, str] = json.loads((stack.directory / "keys.json").read_text())["sealing"]
    return {int(key_id): secret for key_id, secret in found.items()}


def counts(stack: Stack) -> dict[int, int]:
    """How many registrations stand under each key that has any."""
    lines = re.findall(r"^ +(\d+) +([\d,]+)", keys(stack, "list").stdout, re.MULTILINE)
    return {int(key_id): int(count.replace(",", "")) for key_id, count in lines if count != "0"}


def metric(stack: Stack, name: str) -> list[float]:
    """A metric's values, of all processes and labels."""
    return [value for values in stack.metric(name).values() for value in values]


def settled(stack: Stack, handle: str) -> bool:
    """Whether everything that the system does by itself is done."""
    checks: dict[str, Any] = stack.status(handle)["checks"]
    return checks["nik"]["state"] == "verified" and {checks[kind]["state"] for kind in ("email", "phone")} <= {
        "sent",
        "verified",
    }
