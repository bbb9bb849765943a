"""What the run ran on: kernel, processor, versions, commit, and how long a small durable write takes there."""

import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

_BLOCK_BYTES = 8 * 1024  # a page of PostgreSQL, as in pg_test_fsync
_WRITES = 200
_LIBRARIES = ("aiohttp", "asyncpg", "cryptography", "msgspec", "redis", "uvloop")
_PEER_LIBRARIES = ("arq", "asyncpg", "fastapi", "pydantic", "redis", "uvicorn")
_LIST = "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep='\\n')"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about one run's surroundings. `fsync_ms` is the median of write and fdatasync of 8 KiB in the data dir."""

    kernel: str
    processor: str
    cores: int
    memory_gib: float
    load_average: float
    python: str
    postgresql: str
    valkey: str
    libraries: tuple[str, ...]
    peer_libraries: tuple[str, ...]
    commit: str
    fsync_ms: float


def describe(*, postgresql: str, valkey: str, data: Path, peer_python: Path | None) -> Machine:
    """Look at the machine; blocks for a second or two."""
    return Machine(
        kernel=f"{platform.system()} {platform.release()}",
        processor=processor(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        load_average=round(os.getloadavg()[0], 2),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        postgresql=postgresql,
        valkey=valkey,
        libraries=tuple(f"{name} {metadata.version(name)}" for name in _LIBRARIES),
        peer_libraries=_peer_libraries(peer_python),
        commit=commit(),
        fsync_ms=round(fsync_milliseconds(data), 3),
    )


def processor(cpuinfo: str) -> str:
    """The model from /proc/cpuinfo; ARM kernels do not name one."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def fsync_milliseconds(folder: Path, writes: int = _WRITES) -> float:
    """The median of `writes` writes of 8 KiB, each made durable, over and over in one file as a WAL segment is."""
    path = folder / "fsync-probe"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(handle, bytes(_BLOCK_BYTES * 16))
        os.fsync(handle)
        return statistics.median(_write(handle, number % 16) for number in range(writes)) * 1e3
    finally:
        os.close(handle)
        path.unlink()


def _write(handle: int, block: int) -> float:
    began = time.perf_counter()
    os.pwrite(handle, os.urandom(_BLOCK_BYTES), block * _BLOCK_BYTES)
    os.fdatasync(handle)
    return time.perf_counter() - began


def _peer_libraries(python: Path | None) -> tuple[str, ...]:
    return () if python is None else tuple(_output([str(python), "-c", _LIST, *_PEER_LIBRARIES]).splitlines())


def commit() -> str:
    """The commit of this code, with a mark when files differ from it."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    line = [git, "-C", str(Path(__file__).parent)]
    commit = _output([*line, "rev-parse", "--short=12", "HEAD"])
    changed = _output([*line, "status", "--porcelain", "--untracked-files=no"])
    return f"{commit or 'unknown'}{' with changes' if changed else ''}"


def _output(line: Sequence[str]) -> str:
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - git, or the peers' Python
    return done.stdout.strip() if done.returncode == 0 else ""
