"""The static files of the pages, at addresses that change with their content, so that browsers may keep them for ever.

Read once at start; immutable afterwards.
"""

import hashlib
from importlib import resources

import msgspec

_PACKAGE = "ingest.pages"
_DIGEST_CHARACTERS = 12


class Asset(msgspec.Struct, frozen=True):
    """One file: serve `content` at `path` with `Cache-Control: public, max-age=31536000, immutable`."""

    path: str
    content_type: str
    content: bytes


def load_asset(file_name: str, content_type: str) -> Asset:
    """Read `style.css` to be served at `/assets/style-<digest>.css`."""
    content = resources.files(_PACKAGE).joinpath(file_name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]
    stem, _, suffix = file_name.partition(".")
    return Asset(path=f"/assets/{stem}-{digest}.{suffix}", content_type=content_type, content=content)
