"""Log files of the local stack stay bounded and keep what explains a death."""

from pathlib import Path

import pytest

from gelombang import logs
from gelombang.logs import Log


def test_a_new_run_puts_the_old_log_aside(tmp_path: Path) -> None:
    """The log of a run that died is still there after the next start, and only that one."""
    path = tmp_path / "logs" / "ingest-1.log"
    for words in (b"first", b"second", b"third"):
        log = Log(path)
        log.begin()
        with log.open() as file:
            file.write(words)
    assert path.read_text() == "third"
    assert path.with_name("ingest-1.log.1").read_text() == "second"
    assert len(list(path.parent.iterdir())) == 2


def test_a_log_over_its_limit_is_emptied_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that talks too much does not fill the disk, and goes on writing into the same file."""
    monkeypatch.setattr(logs, "LIMIT_BYTES", 10)
    log = Log(tmp_path / "valkey.log")
    log.begin()
    with log.open() as writer:
        writer.write(b"more than ten bytes\n")
        writer.flush()
        log.trim()
        writer.write(b"new\n")
    assert log.path.read_text() == "new\n"
    assert log.last_lines(3) == ["new"]


def test_a_log_under_its_limit_is_left_alone(tmp_path: Path) -> None:
    """Nothing is lost without need."""
    log = Log(tmp_path / "valkey.log")
    log.begin()
    log.trim()
    log.path.write_text("a\n\nb\nc\n")
    log.trim()
    assert log.last_lines(2) == ["b", "c"]


def test_last_lines_of_no_log_are_none(tmp_path: Path) -> None:
    """A service that never wrote anything still gets a message."""
    assert Log(tmp_path / "none.log").last_lines(5) == []
