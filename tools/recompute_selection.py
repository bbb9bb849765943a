"""Recomputes who is selected, from what is published, with Python's standard library and nothing of the project.

    python3 recompute_selection.py ENTRIES.csv --seed HEX --commitment HEX --quota N [--rules 1,2,6]

    python3 recompute_selection.py RESULT.json [--commitment HEX]

RESULT.json is the signed result of `gelombang wave result`: seed, quota and rules stand in it; give the commitment
as it was published before closing. The signature itself only the key ring's owner can check.

ENTRIES.csv has the columns ticket, motivation, maths, affected (0 or 1), rank, selected (0 or 1). The rules are the
weights of motivation and maths and the points for affected workers. Ends with 0 when every rank is as it must be, with
1 and the first difference when not.
"""

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path


def main() -> int:
    """Read, recompute, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", type=Path)
    parser.add_argument("--seed")
    parser.add_argument("--commitment")
    parser.add_argument("--quota", type=int)
    parser.add_argument("--rules", default="1,2,6")
    options = parser.parse_args()
    rows = _read_result(options) if options.entries.suffix == ".json" else _read_list(options.entries)
    if options.seed is None or options.commitment is None or options.quota is None:
        parser.error("a list of entries needs --seed, --commitment and --quota")
    seed = bytes.fromhex(options.seed)
    if hashlib.sha256(seed).hexdigest() != options.commitment.lower():
        print("the seed is not the one whose hash was published before closing")
        return 1
    motivation, maths, affected = map(int, options.rules.split(","))

    def order(row: dict[str, str]) -> tuple[int, str]:
        score = int(row["motivation"]) * motivation + int(row["maths"]) * maths + int(row["affected"]) * affected
        return -score, hashlib.sha256(seed + row["ticket"].encode()).hexdigest()

    for rank, row in enumerate(sorted(rows, key=order), start=1):
        due = (str(rank), str(int(rank <= options.quota)))
        if (row["rank"], row["selected"]) != due:
            print(f"ticket {row['ticket']}: published {row['rank']}, {row['selected']}; recomputed {due[0]}, {due[1]}")
            return 1
    print(f"{len(rows)} entries, {min(len(rows), options.quota)} selected: every rank is as it must be")
    return 0


def _read_list(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read_result(options: argparse.Namespace) -> list[dict[str, str]]:
    """The rows of a signed result; what else stands in it becomes options."""
    result = json.loads(options.entries.read_text(encoding="utf-8"))["payload"]
    options.seed, options.quota = result["seed"], result["quota"]
    options.commitment = options.commitment or result["commitment"]
    rules = result["rules"]
    options.rules = f"{rules['motivation_weight']},{rules['maths_weight']},{rules['affected_points']}"
    return [
        {
            "ticket": place["entry"]["ticket"],
            "motivation": place["entry"]["motivation"],
            "maths": place["entry"]["maths"],
            "affected": int(place["entry"]["affected"]),
            "rank": str(place["rank"]),
            "selected": str(int(place["selected"])),
        }
        for place in result["places"]
    ]


if __name__ == "__main__":
    sys.exit(main())
