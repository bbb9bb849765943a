"""What a dashboard is made of: boards of panels of lines, as data."""

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A query, and what its lines are called (Grafana's legend format)."""

    query: str
    name: str


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One picture. `kind` is lines, stack (lines on one another), number or bars; `limit` draws a red line."""

    title: str
    says: str
    lines: tuple[Line, ...]
    kind: str = "lines"
    unit: str = "short"
    width: int = 8
    limit: float | None = None
    runbook: str | None = None


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard; rows of panels whose widths add up to 24."""

    uid: str
    title: str
    says: str
    panels: tuple[Panel, ...]
