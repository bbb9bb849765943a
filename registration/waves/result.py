"""The signed result of a wave: everything by which anybody can recompute it, under tickets that name nobody."""

from collections.abc import Sequence

import msgspec

from registration.waves.selection import Place, Rules, commitment, select

PURPOSE = "wave result"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed: places best first."""

    wave: int
    quota: int
    rules: Rules
    seed: str
    commitment: str
    joined: int
    selected: int
    places: tuple[Place, ...]


def result_of(*, wave: int, quota: int, rules: Rules, seed: bytes, places: Sequence[Place]) -> Result:
    """The result of a wave that is selected."""
    return Result(
        wave=wave,
        quota=quota,
        rules=rules,
        seed=seed.hex(),
        commitment=commitment(seed),
        joined=len(places),
        selected=sum(place.selected for place in places),
        places=tuple(places),
    )


def is_sound(result: Result) -> bool:
    """Whether rules, seed and entries come to these places and counts."""
    seed = bytes.fromhex(result.seed)
    entries = [place.entry for place in result.places]
    again = select(entries, rules=result.rules, seed=seed, quota=result.quota)
    return result == result_of(wave=result.wave, quota=result.quota, rules=result.rules, seed=seed, places=again)
