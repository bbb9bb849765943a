"""The real rules in the real promtool; where it is not installed, the tests of rules are skipped."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

RULES = Path(__file__).resolve().parents[1] / "monitoring" / "rules"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def names() -> frozenset[str]:
    """Every metric that a rule asks for."""
    return frozenset(
        re.findall(r"\b(?:gelombang_\w+|up)\b", "".join(path.read_text() for path in RULES.glob("*.yaml")))
    )


def run_promtool(
    tmp_path: Path, tests: Sequence[Mapping[str, Any]], *, every_seconds: int, files: str = "*.yaml"
) -> str:
    """What promtool says of these tests of these rule files; nothing when all are as expected."""
    file = tmp_path / "tests.yaml"
    rules = [str(path) for path in sorted(RULES.glob(files))]
    # JSON is YAML, and written many times faster.
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": f"{every_seconds}s", "tests": list(tests)}))
    done = subprocess.run(  # noqa: S603 - our own file
        ["promtool", "test", "rules", str(file)],  # noqa: S607 - found on PATH
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
