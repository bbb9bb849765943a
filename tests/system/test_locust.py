"""Open-model arrivals as a user of Locust has them: its command line, its web page, its shapes.

In front is a hollow door, so that nothing here depends on how fast the real one is. Locust runs as a process of its
own: it patches whatever imports it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.arrivals.account import size
from loadtest.arrivals.result import Result, read
from tests.hollow_door import running as hollow_door
from tests.stack import DEADLINE_SECONDS, answers, call, eventually, gelombang, running

ROOT = Path(__file__).resolve().parent.parent.parent
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("GELOMBANG_", "LOCUST_"))}
# Tests share the machine: how late the generator was must not decide.
CALM = ("--arrivals-lag-seconds", "60", "--loglevel", "WARNING")

Door = tuple[str, "subprocess.Popen[str]"]

SHAPE = """
from locust import LoadTestShape
from loadtest.locustfile import Visitors, Wave

class Steps(LoadTestShape):
    use_common_options = True
    def tick(self):
        at = self.get_run_time()
        return None if at > 4 else (10, 100) if at < 2 else (40, 100)
"""
CLOSED = """
from locust import FastHttpUser, constant_throughput, task

class Closed(FastHttpUser):
    wait_time = constant_throughput(25)
    @task
    def register(self):
        self.client.post("/api/v1/registrations", data=b"{}")
"""


@pytest.fixture
def door() -> Iterator[Door]:
    """The address and the process of a hollow door."""
    with hollow_door() as running:
        yield running


def locust(host: str, *options: str, file: Path = LOCUSTFILE) -> subprocess.CompletedProcess[str]:
    """Run Locust without a web page to its end."""
    return subprocess.run(  # noqa: S603 - Locust
        [sys.executable, "-m", "locust", "-f", str(file), "--headless", "-H", host, *options],
        env=ENVIRONMENT,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@contextlib.contextmanager
def web(host: str, port: int, *options: str) -> Iterator[str]:
    """Locust with its web page."""
    line = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "-H", host, "--web-host", "127.0.0.1", *options]
    with subprocess.Popen([*line, "--web-port", str(port)], env=ENVIRONMENT, cwd=ROOT) as process:  # noqa: S603 - Locust
        try:
            page = f"http://127.0.0.1:{port}"
            eventually(lambda: answers(page))
            yield page
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)


def sent(page: str) -> int:
    """How many requests the web page says there were."""
    rows = call("GET", f"{page}/stats/requests").json["stats"]
    return sum(row["num_requests"] for row in rows if row["name"] == "Aggregated")


def free_port() -> int:
    """A port that nobody has at the moment."""
    import socket  # noqa: PLC0415 - only here

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def counted(path: Path) -> Result:
    """A result whose books are closed: everybody who was due was sent, and every registration has an end."""
    result = read(path)
    whole = result.window()
    assert whole.due == whole.sent > 0
    late = {"SEE score: late"}  # how late a busy machine is must not decide
    assert (result.report.in_flight, result.report.bugs, whole.errors.keys() - late) == (0, (), set())
    return result


def test_two_processes_offer_one_rate_and_keep_one_book(door: Door, tmp_path: Path) -> None:
    """`--processes 2`: nobody has another's key or person, and nothing is lost on the way to the master."""
    path = tmp_path / "result.json"
    even = ("-u", "60", "-r", "60", "--arrivals-spacing", "constant", "--arrivals-curve", "0:1,3:1", "--arrivals-end")
    mix = ("--arrivals-mix", "register=1", "Wave")
    done = locust(door[0], *even, *CALM, "--processes", "2", "--arrivals-result", str(path), *mix)
    assert done.returncode == 0, done.stderr
    result = counted(path)
    assert result.processes == 2
    assert len(result.report.acked) == 2
    whole = result.window()
    assert size(result.report.acked) == whole.latency.get_total_count() == whole.sent
    assert 150 <= whole.sent <= 180  # 180 but for what was due before the last user was there


def test_a_shape_and_run_time_and_classes_mean_what_they_mean_to_locust(door: Door, tmp_path: Path) -> None:
    """A custom shape changes the number of clocks while they run; a class is chosen by name."""
    file, path = tmp_path / "shaped.py", tmp_path / "result.json"
    file.write_text("from loadtest.arrivals import wiring\n" + SHAPE)
    done = locust(door[0], *CALM, "--arrivals-result", str(path), "Visitors", file=file)
    assert done.returncode == 1, done.stderr  # the hollow door's 202 is no form: Locust's own code for failed requests
    result = read(path)
    assert set(result.window().answers) == {"GET form: 202"}
    early, late = result.window(1, 2), result.window(3, 4)
    assert late.due > 2 * early.due > 0


def test_the_web_page_starts_and_stops_a_test(door: Door, tmp_path: Path) -> None:
    """With the class picker, and twice: the second test's people and keys are others."""
    path = tmp_path / "result.json"
    picked = {"user_count": "20", "spawn_rate": "20", "user_classes": "Wave"}
    with web(door[0], free_port(), "--class-picker", *CALM, "--arrivals-result", str(path)) as page:
        for _ in range(2):
            started = call("POST", f"{page}/swarm", body=urllib.parse.urlencode(picked).encode())
            assert started.json["success"], started.body
            eventually(lambda: sent(page) > 0)
            assert call("POST", f"{page}/stop").status == 200
            eventually(lambda: call("GET", f"{page}/stats/requests").json["state"] == "stopped")
            assert call("POST", f"{page}/stats/reset", body=b"").status == 200
            eventually(lambda: sent(page) == 0)  # the page's figures are up to two seconds old
    result = read(path)
    (process,) = result.report.acked
    assert ".2-" in process
    assert result.window().due == result.window().sent > 0


def test_a_stall_shows_in_the_tail_where_the_closed_model_hides_it(door: Door, tmp_path: Path) -> None:
    """Two seconds with a stuck server, at the same rate: the open model's p99 says so, Locust's own does not.

    Three in four send their body over three seconds. That is theirs and not measured; the stall is, also with them.
    """
    host = door[0]
    path, closed, table = tmp_path / "result.json", tmp_path / "closed.py", tmp_path / "closed"
    closed.write_text(CLOSED)
    options = ("-u", "2", "-r", "2", *CALM[2:])

    with stalling(door):
        even = ("--arrivals-spacing", "constant", "--arrivals-curve", "0:1,7:1", "--arrivals-end")
        mix = ("--arrivals-mix", "register=1,crawl=3", "--arrivals-per-user", "25", "Wave")
        done = locust(host, *options, *CALM[:2], *even, "--arrivals-result", str(path), *mix)
    assert done.returncode == 0, done.stderr
    open_model = counted(path).window()

    with stalling(door):
        done = locust(host, *options, "-t", "9s", "--json-file", str(table), file=closed)
    assert done.returncode == 0, done.stderr
    (seen,) = json.loads(table.with_suffix(".json").read_text())
    slow = sum(count for milliseconds, count in seen["response_times"].items() if float(milliseconds) >= 1_000)

    assert open_model.milliseconds(50) < 1_500 < open_model.milliseconds(99)
    assert open_model.latency.get_total_count() == open_model.sent
    assert slow <= 2  # one for each closed user: fewer than one in a hundred, so below its p99
    assert seen["num_requests"] > 200


def test_verified_applicants_take_the_test_send_it_and_join(tmp_path: Path) -> None:
    """All three classes at a real door: nobody is refused, and what they were told is what monitoring counted."""
    crowd, path = tmp_path / "crowd.json", tmp_path / "result.json"
    with running(tmp_path / "data", "--no-simulators", processes=1) as stack:
        stages = ("--verified", "60", "--begun", "60", "--tested", "60")
        assert gelombang("crowd", stack.directory, *stages, "--output", str(crowd)).returncode == 0
        even = ("-u", "30", "-r", "30", "--arrivals-curve", "0:1,2:1", "--arrivals-end", "--arrivals-crowd", str(crowd))
        classes = ("Participants", "Submitters", "Joiners")
        done = locust(stack.endpoints["front_door"], *even, *CALM, "--arrivals-result", str(path), *classes)
        joins = stack.metric("gelombang_joins_total")
    assert done.returncode in {0, 1}, done.stderr  # 1: a score was seen late, on a busy machine
    came = counted(path).window().answers
    assert came["POST answer: ok"] == 19 * came["POST test: ok"] > 0
    assert came["POST submit: ok"] > came["POST test: ok"], "some had answered everything before"
    assert joins == {'outcome="joined"': [came["TOLD joined: ok"]]}


@contextlib.contextmanager
def stalling(door: Door) -> Iterator[None]:
    """Stall the door once, four seconds from now: the load has begun by then, and is not over."""
    timer = threading.Timer(4.0, door[1].send_signal, [signal.SIGUSR1])
    timer.start()
    yield
    timer.join()
