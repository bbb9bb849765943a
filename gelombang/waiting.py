"""`gelombang waiting-page`: write the page for while the door is full, for a CDN or a web server in front."""

from pathlib import Path
from typing import Annotated

import typer

from gelombang.errors import CommandError


def waiting_page(
    directory: Annotated[Path, typer.Argument(help="Folder to write it to; made where it is missing")],
) -> None:
    """Write the waiting page and its static files; docs/pages.md says how to serve them."""
    from ingest.pages import Pages  # noqa: PLC0415 - slow to import
    from ingest.wording import LANGUAGES  # noqa: PLC0415

    pages = Pages()
    files = {f"waiting.{language}.html": pages.waiting(language) for language in LANGUAGES}
    files |= {asset.path.removeprefix("/"): asset.content for asset in pages.assets.values()}
    try:
        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{directory} cannot be written ({error.strerror})") from None
    print(f"wrote {len(files)} files to {directory}")
