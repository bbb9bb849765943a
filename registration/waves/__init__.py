"""Phase three: waves that open and close, and who is selected.

Pure: times, ranks and the lottery follow from their inputs alone, so that anyone can recompute them.
"""

from registration.waves.publication import publish
from registration.waves.schedule import Wave, next_closing, weekly
from registration.waves.selection import Entry, Place, Rules, commitment, load_rules, select

__all__ = [
    "Entry",
    "Place",
    "Rules",
    "Wave",
    "commitment",
    "load_rules",
    "next_closing",
    "publish",
    "select",
    "weekly",
]
