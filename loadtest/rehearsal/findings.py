"""What a rehearsal found: named claims, each with what was seen, and the numbers of the funnel. Pure."""

from collections.abc import Mapping

import msgspec
from rich.console import Console
from rich.table import Table

EXIT_HOLDS, EXIT_BROKEN = 0, 1


class Claim(msgspec.Struct, frozen=True):
    """Something that has to be so, and what was seen."""

    says: str
    holds: bool
    seen: str


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsal's result."""

    name: str
    command: str
    seconds: float
    kills: int
    numbers: Mapping[str, float]
    claims: tuple[Claim, ...]

    @property
    def exit_code(self) -> int:
        """0 when every claim holds."""
        return EXIT_HOLDS if all(claim.holds for claim in self.claims) else EXIT_BROKEN

    def to_json(self) -> bytes:
        """For programs."""
        content = msgspec.to_builtins(self) | {"exit_code": self.exit_code}
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"

    def show(self, console: Console) -> None:
        """For people: the funnel, then each claim."""
        numbers = Table(title=f"{self.name}, {self.seconds:,.0f} s, {self.kills} kills", show_header=False)
        for name, number in self.numbers.items():
            numbers.add_row(name, f"{number:,}" if isinstance(number, int) else f"{number:,.3f}")
        console.print(numbers)
        for claim in self.claims:
            console.print(f"{'holds ' if claim.holds else 'BROKEN'} {claim.says}: {claim.seen}", highlight=False)
