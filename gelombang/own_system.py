"""A stack of a command's own that is to be broken, with what its breaker must know of it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gelombang import own_stack
from gelombang.local_settings import LOCAL_SETTINGS

if TYPE_CHECKING:
    from loadtest.chaos.ground import Site


@contextlib.contextmanager
def own_system(directory: Path, *, options: Sequence[str], settings: Mapping[str, str]) -> Iterator["Site"]:
    """The system on this directory, ready; stopped at the end. Its output is beside the directory."""
    from gelombang import data_directory, endpoints, server  # noqa: PLC0415 - slow to import
    from loadtest.chaos.ground import Site  # noqa: PLC0415

    environment = {**own_stack.FOR_FIGURES, **settings, **server.environment()}
    with own_stack.running(directory, *options, environment=environment):
        yield Site(
            endpoints=lambda: endpoints.read(directory / data_directory.ENDPOINTS),
            keys=environment.get("GELOMBANG_KEYS") or str(directory / data_directory.KEYS),
            valkey_data=directory / "valkey",
            lease_seconds=_setting(environment, "lease_seconds"),
            rate_ceiling=_setting(environment, "ministry_rate_per_second"),
            concurrency_ceiling=int(_setting(environment, "ministry_concurrency")),
            stream_cap=int(_setting(environment, "stream_cap")),
            calls_at_once=int(_setting(environment, "concurrency")),
        )


def _setting(environment: Mapping[str, str], name: str) -> float:
    """A number as the system has it."""
    from registration.settings import describe  # noqa: PLC0415 - slow to import

    described = describe(name)
    told = environment.get(described.variable) or LOCAL_SETTINGS.get(described.variable)
    return float(told or described.default)
