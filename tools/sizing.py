"""What a given rush needs, from what was measured: `python tools/sizing.py` prints the tables of docs/scaling.md.

Arithmetic only: no part of it has been run at these sizes. The docs say where each figure comes from.
"""

import math
import sys
from dataclasses import dataclass

PEAK_PER_MINUTE = 80_000  # the historic peak, docs/scaling.md
SCALES = (1, 10, 100)

# Processor time in µs, measured (docs/scaling.md names the commands).
DOOR_REGISTRATION = 113
VALKEY_REGISTRATION = 19
DOOR_STATUS = 54
DATABASE_STATUS = 6
DATABASE_APPLICANT = 1_870  # an applicant's whole way: accepting, three checks, confirming; in small batches
WORKER = {"nik": 635, "email": 2_800, "phone": 360}
VALKEY_CHECK = 30  # reading, renewing and acknowledging an entry: assumed, more than an enqueue costs

STATUS_PER_REGISTRATION = 48  # what CoWIN saw
LOG_BYTES = 6_100
TABLE_BYTES = 1_400
STREAM_ENTRY_BYTES = 200  # an entry and its place in the outstanding set, assumed generously
STREAMS = 5
STREAM_CAP = 10_000

BUSY = 0.6  # a processor is planned to be this busy
DATABASE_CORES = 64  # the largest primary that is planned with
POOL_SIZE = 6
SESSIONS_WITHOUT_POOLER = 500
SESSIONS_RESERVE = 0.25
MINISTRY_PER_SECOND = 8.3  # what the registry gave in the first wave


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one rush needs. Cores are processor seconds a second, before head-room; pods have it."""

    registrations: float
    status_reads: float
    doors: int
    workers: dict[str, int]
    database_write_cores: float
    database_read_cores: float
    primaries: int
    sessions: int
    log_megabytes_per_second: float
    table_gigabytes_per_hour: float
    valkey_cores: float
    valkey_megabytes: float
    ministry_hours_per_minute: float


def size(per_minute: float) -> Size:
    """What `per_minute` registrations need while they keep coming, every check made as fast as they come."""
    rate = per_minute / 60
    reads = rate * STATUS_PER_REGISTRATION
    doors = pods(rate * DOOR_REGISTRATION + reads * DOOR_STATUS, least=3)
    workers = {kind: pods(rate * cost, least=2) for kind, cost in WORKER.items()}
    writes = rate * DATABASE_APPLICANT / 1e6
    return Size(
        registrations=rate,
        status_reads=reads,
        doors=doors,
        workers=workers,
        database_write_cores=writes,
        database_read_cores=reads * DATABASE_STATUS / 1e6,
        primaries=math.ceil(writes / (DATABASE_CORES * BUSY)),
        sessions=(doors + sum(workers.values())) * POOL_SIZE,
        log_megabytes_per_second=rate * LOG_BYTES / 1e6,
        table_gigabytes_per_hour=rate * 3_600 * TABLE_BYTES / 1e9,
        valkey_cores=rate * (VALKEY_REGISTRATION + len(WORKER) * VALKEY_CHECK) / 1e6,
        valkey_megabytes=STREAMS * STREAM_CAP * STREAM_ENTRY_BYTES / 1e6,
        ministry_hours_per_minute=per_minute / MINISTRY_PER_SECOND / 3_600,
    )


def pods(microseconds_per_second: float, *, least: int) -> int:
    """Pods of one process each that this much work keeps `BUSY`."""
    return max(least, math.ceil(microseconds_per_second / 1e6 / BUSY))


def sizes_table() -> str:
    """The rows of the first table, one column for each scale."""
    found = [size(PEAK_PER_MINUTE * scale) for scale in SCALES]
    rows = {
        "registrations a second": [f"{item.registrations:,.0f}" for item in found],
        "status reads a second": [f"{item.status_reads:,.0f}" for item in found],
        "front doors (pods)": [f"{item.doors:,}" for item in found],
        **{f"{kind} workers (pods)": [f"{item.workers[kind]:,}" for item in found] for kind in WORKER},
        "PostgreSQL, writing (cores busy)": [f"{item.database_write_cores:,.1f}" for item in found],
        "PostgreSQL, status reads (cores busy)": [f"{item.database_read_cores:,.1f}" for item in found],
        f"primaries of {DATABASE_CORES} cores, writing alone": [f"{item.primaries:,}" for item in found],
        "sessions without a pooler": [f"{item.sessions:,}" for item in found],
        "log (MB a second, to each standby and the archive)": [
            f"{item.log_megabytes_per_second:,.0f}" for item in found
        ],
        "tables (GB an hour)": [f"{item.table_gigabytes_per_hour:,.0f}" for item in found],
        "Valkey (cores busy; it uses one)": [f"{item.valkey_cores:,.2f}" for item in found],
        "Valkey, streams full (MB)": [f"{item.valkey_megabytes:,.0f}" for item in found],
        "registry, as it was: hours of work a minute": [f"{item.ministry_hours_per_minute:,.1f}" for item in found],
    }
    head = ["| at | " + " | ".join(f"{PEAK_PER_MINUTE * scale:,}/min" for scale in SCALES) + " |"]
    head.append("|---" * (1 + len(SCALES)) + "|")
    return "\n".join([*head, *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items())])


def limits_table() -> str:
    """What each part holds out to, in registrations a minute and in peaks, the first to break first."""
    one = size(PEAK_PER_MINUTE)
    sessions = SESSIONS_WITHOUT_POOLER * (1 - SESSIONS_RESERVE)
    database = DATABASE_CORES * BUSY
    limits = {
        f"sessions without a pooler, {SESSIONS_WITHOUT_POOLER} less the reserve": sessions / one.sessions,
        "one primary that also answers status reads": database / (one.database_write_cores + one.database_read_cores),
        "one primary that only writes": database / one.database_write_cores,
        "one Valkey": BUSY / one.valkey_cores,
    }
    rows = [
        f"| {name} | {_rounded(scale * PEAK_PER_MINUTE):,} | {scale:.1f} |"
        for name, scale in sorted(limits.items(), key=lambda item: item[1])
    ]
    return "\n".join(["| what | registrations a minute | times the peak |", "|---|---|---|", *rows])


def _rounded(value: float) -> int:
    """To two digits: no more are known."""
    digits = max(0, math.floor(math.log10(value)) - 1)
    return int(round(value / 10**digits) * 10**digits)


if __name__ == "__main__":
    sys.stdout.write(f"{sizes_table()}\n\n{limits_table()}\n")
