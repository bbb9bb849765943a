"""Who is selected: by score under declared rules, ties by a lottery that nobody can steer.

The lottery's seed is drawn when a wave is planned and only its hash is published (`commitment`); after closing, when
nobody can join any more, the seed is revealed. An applicant's draw is SHA-256 of the seed and the applicant's ticket,
so whoever has the published entries and the seed gets the same list (tools/recompute_selection.py does, with the
standard library alone).
"""

import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

SEED_BYTES = 32


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a point is worth."""

    version: int
    motivation_weight: Annotated[int, Meta(ge=0)]
    maths_weight: Annotated[int, Meta(ge=0)]
    affected_points: Annotated[int, Meta(ge=0)]

    def score(self, entry: "Entry") -> int:
        """What an entry comes to."""
        return (
            entry.motivation * self.motivation_weight
            + entry.maths * self.maths_weight
            + (self.affected_points if entry.affected else 0)
        )


class Entry(msgspec.Struct, frozen=True):
    """One applicant who joined, under a ticket that names nobody (32 hexadecimal characters)."""

    ticket: str
    motivation: int
    maths: int
    affected: bool


class Place(msgspec.Struct, frozen=True):
    """Where an entry came: rank from 1, and whether that is within the quota."""

    entry: Entry
    rank: int
    score: int
    selected: bool


def commitment(seed: bytes) -> str:
    """What is published before closing: the SHA-256 of the seed, in hexadecimal."""
    return hashlib.sha256(seed).hexdigest()


def select(entries: Iterable[Entry], *, rules: Rules, seed: bytes, quota: int) -> Sequence[Place]:
    """All entries ranked, best first; the first `quota` are selected. A ticket that came twice is a `ValueError`."""
    ranked = sorted((-rules.score(entry), _draw(seed, entry.ticket), entry.ticket, entry) for entry in entries)
    if any(first[2] == second[2] for first, second in pairwise(ranked)):
        raise ValueError("a ticket came twice")
    return [Place(entry, rank, -negated, rank <= quota) for rank, (negated, _, _, entry) in enumerate(ranked, start=1)]


def load_rules() -> Rules:
    """The rules that this build ships."""
    text = resources.files(__package__).joinpath("rules.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Rules)


def _draw(seed: bytes, ticket: str) -> str:
    return hashlib.sha256(seed + ticket.encode()).hexdigest()
