"""Made-up registrations as a file, one JSON body a line: the generator has no time to make them."""

from pathlib import Path

import msgspec

from simulators.people import Person, make_person

_encode = msgspec.json.Encoder().encode


def write(path: Path, *, count: int, seed: int) -> None:
    """Write `count` valid bodies of as many different people."""
    with path.open("wb") as file:
        for index in range(count):
            file.write(body(make_person(seed, index)))
            file.write(b"\n")


def body(person: Person) -> bytes:
    """What a program posts for somebody."""
    return _encode(
        {
            "name": person.name,
            "birth_place": person.birth_place,
            "birth_date": person.birth_date,
            "nik": person.nik,
            "email": person.email,
            "phone": person.phone,
            "confirm": [],
        }
    )
