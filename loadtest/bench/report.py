"""The report of a run: everything that was measured, on what, and whether it proves anything. JSON, there and back."""

import enum
from pathlib import Path

import msgspec

from loadtest.bench.figures import Figures, Ratio
from loadtest.bench.machine import Machine
from loadtest.bench.rounds import Measurement

# From here on a run says in its report that it was disturbed.
DISTURBED_SHARE = 0.05


class ExitCode(enum.IntEnum):
    """How the command ends."""

    OK = 0
    TARGET_MISSED = 1
    NOT_VALID = 2
    ENVIRONMENT = 3


class ReportError(ValueError):
    """The file is no report of ours."""


class Entrant(msgspec.Struct, frozen=True):
    """A contender, for readers: what it is, and the settings it ran with that are not its defaults."""

    name: str
    title: str
    settings: dict[str, str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run comes to."""

    started_at: str
    machine: Machine
    generator: str
    rounds: int
    seconds: float
    connections: int
    entrants: tuple[Entrant, ...]
    figures: tuple[Figures, ...]
    ratios: tuple[Ratio, ...]
    measurements: tuple[Measurement, ...]

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why the run proves nothing, if it does not."""
        return tuple(flaw for measurement in self.measurements if (flaw := measurement.flaw) is not None)

    @property
    def disturbances(self) -> tuple[str, ...]:
        """What makes its figures worth less, without making them wrong."""
        refused = tuple(
            f"{one.contender} refused {one.refused:,} of {one.refused + one.accepted:,}, at its own cost"
            for one in self.figures
            if one.refused
        )
        return (*refused, *self._foreign())

    def _foreign(self) -> tuple[str, ...]:
        disturbed = [m for m in self.measurements if m.foreign_share + m.stolen_share > DISTURBED_SHARE]
        if not disturbed:
            return ()
        worst = max(m.foreign_share + m.stolen_share for m in disturbed)
        count = f"{len(disturbed)} of {len(self.measurements)} measurements"
        return (f"in {count} others used more than {DISTURBED_SHARE:.0%} of the machine, at worst {worst:.0%}",)

    def ratio(self, figure: str, base: str) -> Ratio | None:
        """The ratio to one other contender, or None when it took no part."""
        return next((ratio for ratio in self.ratios if (ratio.figure, ratio.base) == (figure, base)), None)

    def title(self, name: str) -> str:
        """What a contender is."""
        return next(entrant.title for entrant in self.entrants if entrant.name == name)

    def to_json(self) -> bytes:
        """The report for programs."""
        content = msgspec.to_builtins(self) | {"flaws": self.flaws, "disturbances": self.disturbances}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def read(path: Path) -> Report:
    """A report that was written; raises `ReportError` when it is none, and OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} is no report of this bench: {error}") from error
