"""Prometheus and Alertmanager beside the local stack, where they are installed: `gelombang up --watch`.

Their files stand in `watch/` of the data directory and are written anew at each start; the history stays. Nothing of
the system depends on them. Who is to be told (`notify`) gets pages and tickets as Alertmanager's webhooks.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from gelombang import launcher, probes
from gelombang.service import Service

FOLDER = "watch"
TARGETS = "targets.json"
MISSING = "Prometheus and Alertmanager are not installed (Debian: prometheus, prometheus-alertmanager): not watching"
_PROMETHEUS = ("prometheus",)
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
_SCRAPE_SECONDS = 5
_COMPRESSED_SCRAPE_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How to watch: time `compression` times as fast, and whom to notify."""

    compression: float = 1.0
    notify: str | None = None


@dataclass(frozen=True, kw_only=True)
class Watching:
    """Both services, and where they are."""

    prometheus: str
    alertmanager: str
    services: tuple[Service, ...]


def watching(folder: Path, targets: Mapping[str, str], ports: tuple[int, int], wanted: Wanted) -> Watching | None:
    """Write their files; None where one of them is not installed. `targets` are admin addresses by process."""
    prometheus, alertmanager = _found(_PROMETHEUS), _found(_ALERTMANAGER)
    if prometheus is None or alertmanager is None:
        return None
    _write(folder, targets, ports, wanted)
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    scraping = (
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'history'}",
        "--storage.tsdb.retention.time=30d",
        f"--web.listen-address=127.0.0.1:{ports[0]}",
        "--web.enable-lifecycle",
    )
    alerting = (
        alertmanager,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{ports[1]}",
        "--cluster.listen-address=",
    )
    services = tuple(
        Service(
            name=name,
            command=tuple(launcher.wrap(command, death_signal=SIGKILL)),
            is_ready=lambda url=url: probes.http_answers(f"{url}/-/ready"),  # type: ignore[misc]  # the loop's address
            grace_seconds=1.0,
        )
        for name, command, url in zip(("prometheus", "alertmanager"), (scraping, alerting), urls, strict=True)
    )
    return Watching(prometheus=urls[0], alertmanager=urls[1], services=services)


def is_installed() -> bool:
    """Whether both are here."""
    return _found(_PROMETHEUS) is not None and _found(_ALERTMANAGER) is not None


def write_targets(folder: Path, targets: Mapping[str, str]) -> None:
    """Tell Prometheus which processes there are; it looks again when the file changes."""
    found = [{"targets": [address], "labels": {"instance": name}} for name, address in targets.items()]
    beside = folder / f".{TARGETS}"
    beside.write_text(json.dumps(found, indent=1), encoding="utf-8")
    beside.replace(folder / TARGETS)


def _write(folder: Path, targets: Mapping[str, str], ports: tuple[int, int], wanted: Wanted) -> None:
    from monitoring.alerting.routing import configuration  # noqa: PLC0415 - slow to import, and seldom needed
    from monitoring.alerting.rulebook import rule_files  # noqa: PLC0415

    rules = folder / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    for name, groups in rule_files(compression=wanted.compression).items():
        _dump(rules / name, {"groups": groups})
    seconds = _SCRAPE_SECONDS if wanted.compression == 1 else _COMPRESSED_SCRAPE_SECONDS
    scraping = {
        "global": {
            "scrape_interval": f"{seconds}s",
            "scrape_timeout": f"{seconds}s",
            "evaluation_interval": f"{seconds}s",
        },
        "rule_files": [str(rules / "*.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}]},
        "scrape_configs": [
            {
                "job_name": "gelombang",
                "file_sd_configs": [{"files": [str(folder / TARGETS)], "refresh_interval": "5s"}],
            }
        ],
    }
    _dump(folder / "prometheus.yml", scraping)
    _dump(folder / "alertmanager.yml", configuration(compression=wanted.compression, notify=wanted.notify))
    write_targets(folder, targets)


def _dump(path: Path, document: object) -> None:
    import yaml  # noqa: PLC0415 - slow to import, and seldom needed

    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _found(names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := shutil.which(name))), None)
