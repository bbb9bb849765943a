"""SQL by name: `statement("accept_batch")` is the text of sql/accept_batch.sql."""

from functools import cache
from importlib import resources

from registration.checks import Kind


@cache
def statement(name: str, kind: Kind | None = None) -> str:
    """The text of a statement; `{kind}` in it becomes the kind's column prefix (a closed list, so never input)."""
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return text if kind is None else text.replace("{kind}", kind.value)
