"""`gelombang ledger`: the books per check."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from registration.store.upkeep import Ledger

EXIT_UNBALANCED = 1


def ledger(
    data_dir: Annotated[Path | None, typer.Option(help="Data dir of a local stack")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Print how many registrations stand where, per check; exit with 1 when the books do not balance."""
    from gelombang.connecting import with_database  # noqa: PLC0415 - slow to import
    from registration.store.upkeep import read_ledger  # noqa: PLC0415

    books = with_database(read_ledger, data_dir)
    print(_json(books) if as_json else _table(books))
    if not books.balances:
        raise typer.Exit(EXIT_UNBALANCED)


def _table(books: "Ledger") -> str:
    states = list(next(iter(books.states.values())))
    lines = [
        f"{books.accepted:,} registrations accepted",
        "",
        f"{'check':<8}" + "".join(f"{state:>12}" for state in states) + f"{'sum':>12}",
    ]
    for kind, counts in books.states.items():
        total, without = sum(counts.values()), books.without.get(kind, 0)
        mark = "" if total + without == books.accepted else "  ← not all accepted"
        mark = f"  and {without:,} without{mark}" if without else mark
        lines.append(f"{kind:<8}" + "".join(f"{count:>12,}" for count in counts.values()) + f"{total:>12,}{mark}")
    wrong = {text: count for text, count in books.discrepancies.items() if count}
    lines += ["", *(f"CONTRADICTION: {count:,} × {text}" for text, count in wrong.items())]
    lines.append("The books balance." if books.balances else "THE BOOKS DO NOT BALANCE.")
    return "\n".join(lines)


def _json(books: "Ledger") -> str:
    return json.dumps(
        {
            "accepted": books.accepted,
            "states": books.states,
            "without": books.without,
            "discrepancies": books.discrepancies,
            "balances": books.balances,
        }
    )
