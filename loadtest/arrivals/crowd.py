"""Applicants who stand in a local stack already, for load on the later stages: `gelombang crowd` puts them there.

Each process of the generator has its own share of them, and gives each away once.
"""

import enum
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Stage(enum.StrEnum):
    """How far somebody has come."""

    VERIFIED = "verified"
    BEGUN = "begun"
    TESTED = "tested"


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """The handles of applicants by stage, and the wave that is open for them."""

    wave: int
    handles: dict[Stage, tuple[str, ...]]

    def write(self, path: Path) -> None:
        """For Locust."""
        path.write_bytes(msgspec.json.encode(self))

    @classmethod
    def read(cls, path: Path) -> "Crowd":
        """What `write` wrote; raises OSError and `msgspec.MsgspecError`."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


class Share:
    """The part of a crowd that process `number` (from 0) of `processes` has."""

    def __init__(self, crowd: Crowd, *, number: int, processes: int) -> None:
        self.wave = crowd.wave
        self._handles: dict[Stage, Iterator[str]] = {
            stage: iter(handles[number % processes :: processes]) for stage, handles in crowd.handles.items()
        }

    def next(self, stage: Stage) -> str | None:
        """Somebody at this stage whom nobody had yet; None when there is none left."""
        return next(self._handles.get(stage, iter(())), None)
