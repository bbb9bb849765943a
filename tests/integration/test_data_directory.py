"""Who may use a data directory, and what is ever removed from it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gelombang import data_directory
from gelombang.errors import DataDirectoryError


def _silent(_: str) -> None:
    pass


def test_a_second_lock_is_refused_and_names_the_first(tmp_path: Path) -> None:
    """Two stacks on one directory would ruin it."""
    with (
        data_directory.lock(tmp_path / "d", report=_silent),
        pytest.raises(DataDirectoryError, match=rf"process {os.getpid()}\b"),
        data_directory.lock(tmp_path / "d", report=_silent),
    ):
        pytest.fail("both hold it")


def test_a_released_lock_can_be_had_again(tmp_path: Path) -> None:
    """The lock file stays; the lock does not."""
    for _ in range(2):
        with data_directory.lock(tmp_path / "d", report=_silent) as directory:
            assert directory.path == tmp_path / "d"


def test_children_of_a_dead_stack_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `kill -9`, servers that still shut down hold the lock, so nobody writes beside them."""
    said: list[str] = []
    with data_directory.lock(tmp_path / "d", report=_silent) as directory:
        holder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[directory.lock])
    (tmp_path / "d" / "lock").write_text(f"gelombang {2**22 + 1}\n")  # no such process: above the kernel's limit

    def tell(words: str) -> None:
        said.append(words)
        holder.send_signal(signal.SIGKILL)

    monkeypatch.setattr(data_directory, "POLL_SECONDS", 0.01)
    with holder, data_directory.lock(tmp_path / "d", report=tell):
        assert said == ["waiting for what the previous run left running to stop"]


def test_emptying_removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    """Somebody's notes in the directory outlive --fresh, and so does what a link points to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").touch()
    with data_directory.lock(tmp_path / "d", report=_silent) as directory:
        (directory.path / "postgresql").mkdir()
        (directory.path / "postgresql" / "PG_VERSION").touch()
        (directory.path / "valkey").symlink_to(outside)
        (directory.path / "notes.txt").touch()
        directory.ensure_keys(lambda: "{}")
        directory.empty()
        assert {"lock", "notes.txt"} == {path.name for path in directory.path.iterdir()}
    assert (outside / "keep").exists()


def test_keys_are_made_once(tmp_path: Path) -> None:
    """New keys would make every stored registration unreadable."""
    with data_directory.lock(tmp_path / "d", report=_silent) as directory:
        assert directory.ensure_keys(lambda: "first").read_text() == "first"
        assert directory.ensure_keys(lambda: "second").read_text() == "first"
        assert directory.keys.stat().st_mode & 0o077 == 0


def test_our_own_directory_may_be_emptied(tmp_path: Path) -> None:
    """--fresh works on what an earlier run left, and on nothing at all."""
    data_directory.refuse_to_empty(tmp_path / "absent")
    with data_directory.lock(tmp_path / "d", report=_silent):
        pass
    data_directory.refuse_to_empty(tmp_path / "d")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(DataDirectoryError, match="will not touch"):
        data_directory.refuse_to_empty(tmp_path / "other")
