"""What a query may ask for: the metrics and labels that docs/metrics.md lists, which is made of the code."""

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def known_metrics() -> Mapping[str, set[str]]:
    """Every metric of ours, as it can be asked for, with its labels."""
    found: dict[str, set[str]] = {}
    metrics_page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name, type_, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| \w+ \| ([^|]*)\|", metrics_page, re.MULTILINE):
        own = set(re.findall(r"`(\w+)`", labels))
        names_ = [f"{name}{end}" for end in ("_bucket", "_sum", "_count")] if type_ == "histogram" else [name]
        found.update(dict.fromkeys(names_, own | ({"le"} if type_ == "histogram" else set())))
    return found


def unknown_in(query: str) -> list[str]:
    """Metrics and labels in a query that nobody shows."""
    known = known_metrics()
    target = {"job", "instance", "le"}
    wrong = [name for name in re.findall(r"\bgelombang_\w+", query) if name not in known]
    for name, inside in re.findall(r"\b(gelombang_\w+)\{([^}]*)\}", query):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
        wrong += sorted(f"{name}{{{label}}}" for label in labels - known.get(name, set()) - target)
    return wrong
