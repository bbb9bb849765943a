"""The way through the fault proxy: which of a stack's connections take it, and what the parts are told instead.

Only the front doors and workers are sent through it; people, tests and `endpoints.json` keep the straight addresses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from simulators.fault_proxy.link import UNIX

POSTGRESQL_SOCKET = ".s.PGSQL.5432"
_DEFAULT_PORTS = {"postgresql": 5432, "redis": 6379, "http": 80, "smtp": 25}
# What can be harmed, by the name of its link.
VARIABLES = {
    "postgresql": "GELOMBANG_DATABASE_URL",
    "valkey": "GELOMBANG_REDIS_URL",
    "ministry": "GELOMBANG_MINISTRY_URL",
    "student": "GELOMBANG_STUDENT_URL",
    "smtp": "GELOMBANG_SMTP_URL",
    "sms": "GELOMBANG_SMS_URL",
}


@dataclass(frozen=True)
class Detour:
    """One link through the proxy. `option` is the proxy's, `url` what goes in `variable` for those who take it."""

    variable: str
    option: str
    url: str


def plan(environment: Mapping[str, str], *, host: str, port: Callable[[], int]) -> list[Detour]:
    """A detour for every address in `environment` that a proxy can stand before (not those with TLS)."""
    detours = []
    for name, variable in VARIABLES.items():
        url = environment.get(variable, "")
        upstream = _upstream(url)
        if upstream is not None:
            free = port()
            detours.append(Detour(variable, f"--link={name}:{free}:{upstream}", _through(url, f"{host}:{free}")))
    return detours


def _upstream(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"{UNIX}{parts.path}"
    if folder := parse_qs(parts.query).get("host"):
        return f"{UNIX}{folder[0]}/{POSTGRESQL_SOCKET}"
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"


def _through(url: str, address: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis://{address}"
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{address}", query="").geturl()
