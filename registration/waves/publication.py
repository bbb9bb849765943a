"""The list of a wave's result as it is published: tickets, points, ranks; nothing that names a person.

tools/recompute_selection.py reads it.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from registration.waves.selection import Place

_COLUMNS = ("ticket", "motivation", "maths", "affected", "rank", "selected")


def publish(path: Path, places: Sequence[Place]) -> None:
    """Write the list, best first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for place in places:
            entry = place.entry
            writer.writerow(
                [entry.ticket, entry.motivation, entry.maths, int(entry.affected), place.rank, int(place.selected)]
            )
