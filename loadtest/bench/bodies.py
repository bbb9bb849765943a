"""Made-up registrations as a file, one JSON body a line: the generator has no time to make them."""

from pathlib import Path

import msgspec

from simulators.people import make_person


def write(path: Path, *, count: int, seed: int) -> None:
    """Write `count` valid bodies of as many different people."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for index in range(count):
            person = make_person(seed, index)
            file.write(
                encode(
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
            )
            file.write(b"\n")
