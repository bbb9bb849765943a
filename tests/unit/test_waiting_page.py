"""The page for while the door is full stands on its own."""

import re
from pathlib import Path

from gelombang.waiting import waiting_page


def test_every_file_that_it_names_is_written_with_it(tmp_path: Path) -> None:
    """A folder on a CDN needs nothing of the front door, in either language."""
    waiting_page(tmp_path / "new" / "folder")
    for language in ("id", "en"):
        page = (tmp_path / "new" / "folder" / f"waiting.{language}.html").read_text()
        named = re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)
        assert len(named) == 3
        assert all((tmp_path / "new" / "folder" / name).is_file() for name in named)


def test_it_is_the_same_for_everybody(tmp_path: Path) -> None:
    """Nothing of a person or a moment is in it, so it can be kept anywhere."""
    for name in ("one", "two"):
        waiting_page(tmp_path / name)
    first, second = ((tmp_path / name / "waiting.id.html").read_bytes() for name in ("one", "two"))
    assert first == second
    assert len(first) < 2_000
