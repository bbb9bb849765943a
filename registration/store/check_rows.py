"""The checks of a row, for every statement that reads `{kind}_state`, `{kind}_reason` and `{kind}_updated_at`."""

from registration.checks import Check, Kind, State
from registration.store.database import Row


def checks_of(row: Row) -> dict[Kind, Check]:
    """The checks by kind; one that has not begun is left out."""
    return {
        kind: Check(State(row[f"{kind}_state"]), row[f"{kind}_reason"], row[f"{kind}_updated_at"])
        for kind in Kind
        if row[f"{kind}_state"] is not None
    }
