"""CPU time of process trees, from /proc: no cgroups, no privileges.

The time of a tree is that of its living processes plus what each of them collected from children that have ended
(cutime, cstime), so a PostgreSQL backend that exited in between is not missed. What is not seen: a child that ended and
was not yet collected, which at a quiet moment is none.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Places in /proc/PID/stat behind the command's closing bracket (proc_pid_stat(5): field 3 is the first of these).
_PARENT = 1
_TIMES = slice(11, 15)  # utime, stime, cutime, cstime


class Snapshot(msgspec.Struct, frozen=True):
    """Seconds of CPU spent so far: by each process group, by the whole machine, and taken away by its host."""

    groups: Mapping[str, float]
    machine: float
    stolen: float
    passed: float  # all there was, idle too: seconds times cores


def snapshot(groups: Mapping[str, Sequence[int]]) -> Snapshot:
    """What the trees below the given processes have used; a root that has ended counts nothing."""
    table = dict(_processes())
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, (parent, _) in table.items():
        children[parent].append(pid)
    machine, stolen, passed = machine_seconds(Path("/proc/stat").read_text(encoding="ascii"))
    return Snapshot(
        groups={
            name: sum(table[pid][1] for root in roots for pid in _tree(root, children) if pid in table)
            for name, roots in groups.items()
        },
        machine=machine,
        stolen=stolen,
        passed=passed,
    )


def parse_stat(text: str) -> tuple[int, float]:
    """The parent and the CPU seconds of one /proc/PID/stat; the command in it may hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()
    return int(fields[_PARENT]), sum(map(int, fields[_TIMES])) / _TICKS_PER_SECOND


def machine_seconds(text: str) -> tuple[float, float, float]:
    """Busy, stolen and passed seconds of all cores together, from /proc/stat (proc_stat(5))."""
    user, nice, system, idle, waiting, irq, softirq, stolen = map(int, text.split("\n", 1)[0].split()[1:9])
    busy = user + nice + system + irq + softirq
    passed = busy + idle + waiting + stolen
    return busy / _TICKS_PER_SECOND, stolen / _TICKS_PER_SECOND, passed / _TICKS_PER_SECOND


def _processes() -> Iterator[tuple[int, tuple[int, float]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), parse_stat((folder / "stat").read_text(encoding="utf-8", errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended while we looked


def _tree(root: int, children: Mapping[int, Sequence[int]]) -> Iterator[int]:
    yield root
    for child in children.get(root, ()):
        yield from _tree(child, children)
