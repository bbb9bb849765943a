"""What the bench reads: /proc, answers, versions, the command line."""

import os
from pathlib import Path

import msgspec
import pytest

from loadtest.bench import bodies, session
from loadtest.bench.generator import parse_answer
from loadtest.bench.load import Load
from loadtest.bench.machine import fsync_milliseconds, processor
from loadtest.bench.processes import Snapshot, machine_seconds, parse_stat, snapshot
from loadtest.bench.rounds import measurement
from loadtest.bench.serving import listeners
from loadtest.bench.stock import Counted
from registration.applicant import parse

TICKS = os.sysconf("SC_CLK_TCK")


def test_a_stat_line_is_read_behind_its_command() -> None:
    """A command may hold spaces, brackets and digits."""
    text = "42 (post (gres) 7 S) S 17 42 42 0 -1 4194560 100 0 0 0 100 200 300 400 20 0 1 0 5 6 7"
    assert parse_stat(text) == (17, 1_000 / TICKS)


def test_the_machine_is_busy_without_its_idle_waiting_and_stolen_time() -> None:
    """What passed is all of it."""
    text = "cpu  10 20 30 400 50 6 7 80 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
    assert machine_seconds(text) == (73 / TICKS, 80 / TICKS, 603 / TICKS)


def test_a_tree_without_its_root_has_used_nothing() -> None:
    """A process that ended is not an error."""
    found = snapshot({"own": [os.getpid()], "gone": [2**22 + 1]})
    assert found.groups["own"] > 0
    assert found.groups["gone"] == 0


def test_cpu_is_for_each_accepted_registration_and_what_is_left_is_others() -> None:
    """Generator and contender are not others."""
    load = Load(100, 0, 0, seconds=1.0, p50_ms=1.0, p99_ms=2.0, generator_cpu_seconds=0.2)
    found = measurement(
        "gelombang",
        1,
        load=load,
        stored=Counted(100, 300),
        before=Snapshot({"app": 1.0, "postgresql": 5.0}, machine=10.0, stolen=0.0, passed=100.0),
        after=Snapshot({"app": 1.5, "postgresql": 5.1}, machine=11.0, stolen=0.1, passed=102.0),
    )
    assert found.cpu_us == {"app": pytest.approx(5_000), "postgresql": pytest.approx(1_000)}
    assert found.generator_cpu_us == pytest.approx(2_000)
    assert found.foreign_share == pytest.approx(0.1)
    assert found.stolen_share == pytest.approx(0.05)
    assert found.flaw is None


def test_listeners_of_a_port_are_counted() -> None:
    """Bound sockets and open connections are none."""
    table = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F90 00000000:0000 0A 0\n"
        "   1: 0100007F:1F90 00000000:0000 0A 0\n"
        "   2: 0100007F:1F90 0100007F:9999 01 0\n"
        "   3: 0100007F:1F91 00000000:0000 0A 0\n"
    )
    assert listeners(8080, table) == 2


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", 202),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{", None),
        (b"HTTP/1.1 202 Accepted\r\nContent-Len", None),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ],
)
def test_an_answer_counts_once_it_is_whole(received: bytes, status: int | None) -> None:
    """However it is cut by the network."""
    assert parse_answer(received) == status


def test_bodies_are_of_different_people_and_can_be_read(tmp_path: Path) -> None:
    """Each line is what the front door takes."""
    path = tmp_path / "bodies"
    bodies.write(path, count=50, seed=7)
    submissions = [parse(line) for line in path.read_bytes().splitlines()]
    assert len({submission.nik for submission in submissions}) == 50


def test_a_load_from_wrk_is_read_without_the_generators_cpu() -> None:
    """That is added by whoever ran it."""
    said = b'{"accepted": 3, "refused": 0, "broken": 0, "seconds": 1.5, "p50_ms": 1.0, "p99_ms": 2.0}'
    assert msgspec.json.decode(said, type=Load) == Load(3, 0, 0, 1.5, 1.0, 2.0)


def test_only_known_contenders_are_measured() -> None:
    """In the order of the table, whatever the order on the command line."""
    assert session.names([]) == ["floor", "handler", "gelombang", "plain_aiohttp", "fastapi_arq"]
    assert session.names(["fastapi_arq", "handler"]) == ["handler", "fastapi_arq"]
    with pytest.raises(session.MissingError, match="there is no contender go"):
        session.names(["go"])


def test_versions_are_read_from_what_the_servers_say() -> None:
    """Redis says less than Valkey."""
    assert session.valkey_version("# Server\r\nredis_version:7.2.4\r\nvalkey_version:9.1.2\r\n") == "9.1.2"
    assert session.valkey_version("redis_version:7.0.15\r\n") == "7.0.15"


def test_a_processor_may_have_no_name() -> None:
    """Then the architecture stands for it."""
    assert processor("processor: 0\nmodel name\t: AMD EPYC\nmodel name\t: AMD EPYC\n") == "AMD EPYC"
    assert processor("processor: 0\n")


def test_the_durable_write_leaves_no_file(tmp_path: Path) -> None:
    """And takes some time."""
    assert fsync_milliseconds(tmp_path, writes=3) > 0
    assert list(tmp_path.iterdir()) == []
