"""A commit is on the disk before anybody hears of it: `kill -9` cannot show that, since it keeps the page cache."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from gelombang import embedded
from registration.store import intake
from registration.store.database import Database
from registration.store.migrate import migrate

ATTACHED = b"attached"
DEADLINE_SECONDS = 30.0


def traced(pid: int, output: Path) -> subprocess.Popen[bytes]:
    """Strace on one process; skips the test where nobody may trace."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    line = [program, "-p", str(pid), "-e", "trace=fdatasync,fsync,sendto", "-s", "64", "-o", str(output)]
    tracer = subprocess.Popen(line, stderr=subprocess.PIPE)  # noqa: S603 - found above
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if ATTACHED not in said:
        tracer.wait(DEADLINE_SECONDS)
        tracer.stderr.close()
        pytest.skip(f"strace may not trace here: {said.decode(errors='replace').strip()}")
    return tracer


async def test_the_commit_is_synced_before_the_answer(tmp_path: Path) -> None:
    """The server calls fdatasync on its log first, and sends "done" to the front door's connection after that."""
    registration = intake.Registration(uuid4(), b"content", b"nik", b"identity", b"sealed")
    with embedded.servers(tmp_path) as servers:
        await migrate(servers.database_url)
        database = await Database.connect(servers.database_url, pool_size=1, timeout_seconds=20.0, name="traced")
        (row,) = await database.fetch("select pg_backend_pid() as pid")
        tracer = await asyncio.to_thread(traced, row["pid"], tmp_path / "trace")
        await intake.accept(database, [registration])
        tracer.terminate()
        tracer.wait(DEADLINE_SECONDS)
        assert tracer.stderr is not None
        tracer.stderr.close()
        await database.close()
    calls = re.findall(r"^(fdatasync|fsync|sendto)\(.*= (\d+)", (tmp_path / "trace").read_text(), re.MULTILINE)
    names = [name for name, _ in calls]
    assert {"fdatasync", "fsync"} & set(names), "the commit was not synced by the session that made it"
    assert names[-1] == "sendto", "the answer is the last of all"
    answer = max(place for place, name in enumerate(names) if name == "sendto")
    assert min(place for place, name in enumerate(names) if name != "sendto") < answer
