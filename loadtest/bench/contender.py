"""A contender of the bench: what it is called, and how to serve, reset and count it. Handed in, never started here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from loadtest.bench.stock import Stock

# The process groups of a contender, in the order in which they are drawn.
APP, POSTGRESQL, VALKEY = GROUPS = ("app", "postgresql", "valkey")


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A contender that takes registrations now: where, and the processes whose trees do it."""

    url: str
    groups: Mapping[str, Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """`serve` starts it, and stops it at the end; `stock` is None for one that stores nothing."""

    name: str
    title: str
    serve: Callable[[], AbstractContextManager[Serving]]
    stock: Stock | None
    settings: Mapping[str, str] = field(default_factory=dict)
