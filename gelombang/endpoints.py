"""`DIR/endpoints.json`: where everything is while a local stack runs. It is there only when all of it was ready.

The form is fixed for clients and tests: `{"front_door", "mailbox", "sms", "ministry", "metrics": [URL…],
"database_url", "redis_url", "pids": {name: pid}}`. What the stack does not have (`--no-simulators`) is null. Where
people are asked whether they study there is also "student", the registry of students; with `GELOMBANG_DESK` "desk", the
call-centre page; with `--fault-proxy` "fault_proxy", the address of its control; with `--watch` "prometheus" and
"alertmanager".
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gelombang.data_directory import write_whole


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The file's content. The database's URL may carry a password, so the file is private."""

    front_door: str
    mailbox: str | None
    sms: str | None
    ministry: str | None
    metrics: tuple[str, ...]
    database_url: str
    redis_url: str
    pids: Mapping[str, int]
    student: str | None = None
    desk: str | None = None
    fault_proxy: str | None = None
    prometheus: str | None = None
    alertmanager: str | None = None

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        fields = dataclasses.asdict(self)
        for name in ("student", "desk", "fault_proxy", "prometheus", "alertmanager"):
            if fields[name] is None:
                del fields[name]
        write_whole(path, json.dumps(fields, indent=2) + "\n")


def read(path: Path) -> dict[str, Any] | None:
    """Give the file's content; None when there is none, that is, when no stack runs."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
