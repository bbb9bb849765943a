"""The board of what we stand on: PostgreSQL, Valkey, disk and processes, as our own processes see them."""

from monitoring.boards.shared import DOOR, RATE
from monitoring.panels import Board, Line, Panel

DEPENDENCIES = Board(
    uid="dependencies",
    title="Dependencies",
    says="PostgreSQL, Valkey, disk and processes, as our own processes see them.",
    panels=(
        Panel(
            title="Answers us",
            says="Processes that get an answer.",
            lines=(Line("sum by (dependency) (gelombang_dependency_up)", "{{dependency}}"),),
            runbook="PostgreSQLDown",
        ),
        Panel(
            title="A trifle takes",
            says="The longest that any process waited for the simplest answer.",
            lines=(Line("max by (dependency) (gelombang_dependency_seconds)", "{{dependency}}"),),
            unit="s",
        ),
        Panel(
            title="Processes",
            says="That take work, by role.",
            lines=(Line("sum by (role) (gelombang_ready)", "{{role}}"),),
            runbook="WorkersDown",
        ),
        Panel(
            title="Sessions",
            says="On the PostgreSQL server, and how many it allows.",
            lines=(
                Line("max(gelombang_database_sessions)", "taken"),
                Line("max(gelombang_database_sessions_limit)", "limit"),
            ),
            runbook="SessionsNearlyUsedUp",
        ),
        Panel(
            title="Our connections",
            says="To PostgreSQL, all processes.",
            lines=(Line(f"sum by (state) (gelombang_database_connections{{{DOOR}}})", "{{state}}"),),
            kind="stack",
        ),
        Panel(
            title="Free disk",
            says="Where the data directory is.",
            lines=(Line("min(gelombang_disk_free_bytes / (gelombang_disk_size_bytes > 0))", "free"),),
            unit="percentunit",
            runbook="DiskNearlyFull",
        ),
        Panel(
            title="Size",
            says="Of the database, and of Valkey's memory.",
            lines=(
                Line("max(gelombang_database_bytes)", "database"),
                Line("max(gelombang_valkey_memory_bytes)", "Valkey"),
            ),
            unit="bytes",
        ),
        Panel(
            title="Processor",
            says="Cores in use, by process.",
            lines=(
                Line(
                    f'sum by (instance) (rate(process_cpu_seconds_total{{job=~"(.*/)?gelombang",{DOOR}}}{RATE}))',
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Memory",
            says="Resident, by process.",
            lines=(
                Line(
                    f'sum by (instance) (process_resident_memory_bytes{{job=~"(.*/)?gelombang",{DOOR}}})',
                    "{{instance}}",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            title="Unknown errors and mended streams",
            says="Both stay at 0.",
            lines=(
                Line(f"sum(rate(gelombang_bugs_total{RATE})) or vector(0)", "bugs"),
                Line(f"sum(rate(gelombang_stream_mended_total{RATE})) or vector(0)", "mended"),
            ),
            runbook="Bugs",
        ),
        Panel(
            title="Left to the relay",
            says="Registrations that Valkey did not take at once.",
            lines=(Line(f"sum(rate(gelombang_shortcut_lost_total{RATE}))", "a second"),),
            runbook="ValkeyDown",
        ),
        Panel(
            title="Sealing key",
            says="The newest that each process has: one line, except during a rotation.",
            lines=(Line("max by (instance) (gelombang_sealing_key)", "{{instance}}"),),
        ),
    ),
)
