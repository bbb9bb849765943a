"""A plan: what is to be proved, with which load, on which system. A TOML file; unknown names in it are errors.

Its digest names it in the record of a proof: a plan that is changed afterwards no longer fits.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from loadtest.arrivals.schedule import Spacing
from loadtest.proof.knee import Stride

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class PlanError(ValueError):
    """The file is no plan; the message says where."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to be held: `rate` arrivals a second for so long.

    `user_class` is one of loadtest/locustfile.py; `mix` weighs its journeys by name.
    """

    rate: Positive
    seconds: Positive = 60
    spacing: Spacing = Spacing.POISSON
    user_class: str = "Wave"
    mix: dict[str, Positive] = msgspec.field(default_factory=dict)


class Slo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as held. Latency is from the intended start."""

    p99_ms: Positive
    error_share: Share = 0.0


class WarmUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Load that is not judged, first."""

    seconds: Positive = 5
    share_of_target: Positive = 0.3


class Staircase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The search for the knee (`loadtest/proof/knee.py`), several times: from `first` by `factor`, then by ever less.

    A step begins with `settle_seconds` at a rising rate, of which nothing counts, and then lasts `seconds`. Searches
    after the first begin at the knee of the one before, with the square of the `finest` factor.
    """

    first: Positive
    factor: Annotated[float, Meta(gt=1)] = 1.5
    finest: Annotated[float, Meta(gt=1)] = 1.05
    levels: Annotated[int, Meta(ge=1)] = 5
    steps: Annotated[int, Meta(ge=1)] = 20
    seconds: Positive = 8
    settle_seconds: Annotated[float, Meta(ge=0)] = 2
    repeats: Annotated[int, Meta(ge=1)] = 1

    def stride(self, repeat: int) -> Stride:
        """How the search of this number, from 1, moves."""
        first = self.factor if repeat == 1 else self.finest**2
        return Stride(first=first, finest=self.finest, levels=self.levels, steps=self.steps)


class Overload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than the knee (or the target, without a staircase), and then a baseline on which it must recover."""

    factor: Annotated[float, Meta(gt=1)] = 1.5
    seconds: Positive = 10
    baseline: Share = 0.4
    recovery_seconds: Positive = 30


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The system that is started for the proof. `settings` are GELOMBANG_… variables, `ministry` its PUT /control."""

    front_doors: Annotated[int, Meta(ge=1)] | None = None
    workers: Annotated[int, Meta(ge=1)] = 1
    generators: Annotated[int, Meta(ge=1)] = 1
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    ministry: dict[str, float] = msgspec.field(default_factory=dict)
    in_flight_limit: Annotated[int, Meta(ge=1)] = 4000
    lag_limit_seconds: Positive = 0.05
    settle_seconds: Positive = 10


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Parts that are left out are not run."""

    name: str
    target: Target
    slo: Slo
    warm_up: WarmUp | None = None
    staircase: Staircase | None = None
    overload: Overload | None = None
    environment: Environment = Environment()
    valid_days: Positive = 14.0


def read(path: Path) -> tuple[Plan, str]:
    """The plan and the digest of its text; raises `PlanError`."""
    try:
        text = path.read_bytes()
        return msgspec.convert(tomllib.loads(text.decode("utf-8")), Plan), digest(text)
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is no plan: {error}") from error


def digest(content: bytes) -> str:
    """A short name for content."""
    return hashlib.sha256(content).hexdigest()[:16]
