"""The signed result of a wave as a file: written, and checked. Nothing in it names a person."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gelombang.errors import CommandError
from registration import signing
from registration.sealing import KeyRing
from registration.store.waves import WaveRecord
from registration.waves import Place, Rules
from registration.waves.result import PURPOSE, Result, is_sound, result_of


def write(path: Path, ring: KeyRing, *, record: WaveRecord, places_of: Callable[[Rules], Sequence[Place]]) -> None:
    """Write a selected wave's result, by the rules under which it was selected."""
    rules = msgspec.convert(record.rules, Rules)
    found = result_of(
        wave=record.wave.number,
        quota=record.wave.quota,
        rules=rules,
        seed=record.lottery_seed or b"",
        places=places_of(rules),
    )
    path.write_bytes(signing.signed(found, ring, purpose=PURPOSE))
    print(f"wave {found.wave}: {found.selected:,} of {found.joined:,} selected; signed result in {path}")


def check(path: Path, ring: KeyRing) -> int:
    """Say what a file is worth; 0 when it is genuine and comes out the same when it is recomputed."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=signing.Record)
        if not signing.is_genuine(record, ring, purpose=PURPOSE):
            print("the signature is not this key ring's: the file was changed, or made elsewhere")
            return 1
        found = msgspec.json.decode(record.payload, type=Result)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is no signed result: {error}") from error
    if not is_sound(found):
        print("recomputed from its own rules, seed and entries it comes out otherwise")
        return 1
    print(f"wave {found.wave}: genuine, {found.selected:,} of {found.joined:,} selected, every rank is as it must be")
    return 0
