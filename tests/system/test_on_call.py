"""What on-call does at night, by command line only: look, pause, resume, replay."""

import json
from typing import Any

from tests.stack import Stack, eventually, gelombang, someone


def status(stack: Stack) -> tuple[int, Any]:
    """Exit code and what was said."""
    done = gelombang("status", stack.directory, "--json")
    return done.returncode, json.loads(done.stdout)


def test_a_pause_stops_a_kind_is_told_by_status_and_ends(stack: Stack) -> None:
    """People register meanwhile and get their code afterwards; scripts learn it from the exit code."""
    assert gelombang("pause phone", stack.directory, "--reason", "gateway maintenance").returncode == 0
    try:
        eventually(lambda: stack.metric("gelombang_paused")['kind="phone"'] == [1.0])
        first = someone()
        stack.register(first)  # a read that had begun before the pause may still take this one
        eventually(lambda: bool(stack.links(first)))
        person = someone()
        stack.register(person)
        eventually(lambda: bool(stack.links(person)))
        assert stack.codes(person) == []
        code, standing = status(stack)
        assert code == 1
        assert any("phone is paused: gateway maintenance" in concern for concern in standing["concerns"])
        assert [kind["kind"] for kind in standing["kinds"] if kind["paused"]] == ["phone"]
    finally:
        assert gelombang("resume phone", stack.directory).returncode == 0
    eventually(lambda: bool(stack.codes(person)))
    code, standing = status(stack)
    assert code == int(bool(standing["concerns"]))
    assert [kind["kind"] for kind in standing["kinds"] if kind["paused"]] == []


def test_where_nobody_watches_status_looks_once(stack: Stack) -> None:
    """Into a pipe or a file a live view would write nothing and never end."""
    done = gelombang("status", stack.directory)
    assert "backlog done" in done.stdout
    assert done.returncode == gelombang("status --once", stack.directory).returncode


def test_a_dry_run_says_what_a_replay_would_do(stack: Stack) -> None:
    """And does nothing."""
    done = gelombang("dead replay", stack.directory, "--cause", "nothing-of-this-kind", "--dry-run")

    assert (done.returncode, done.stderr) == (0, "")
    assert "0 would be given back" in done.stdout
