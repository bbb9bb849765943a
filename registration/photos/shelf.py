"""The object store, by URL: a folder, S3 and what speaks like it, Google, Azure. The only importer of obstore.

Guarantee: an object is there whole or not at all, and what lies there is sealed. Nobody outside sees the library's
errors: trouble is `Retryable`. Credentials come from the environment or the machine's role, as obstore reads them.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as ObjectNotFoundError
from obstore.store import LocalStore, from_url

from registration.errors import Permanent, Retryable
from registration.settings import Settings, SettingsError, describe

log = structlog.get_logger(__name__)

_NAME_BYTES = 24
# What obstore gathers before it sends a piece of an object: S3 takes none under 5 MiB, except the last.
_BUFFER_BYTES = 5 * 1024 * 1024
_FAILURES = (BaseError, OSError, TimeoutError)


class Shelf:
    """Objects by random names."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = LocalStore(folder)
        else:
            self._store = from_url(url)  # type: ignore[assignment]  # any store will do

    @classmethod
    def of(cls, settings: Settings) -> "Shelf":
        """The shelf that the settings name; raises `SettingsError` when they name none."""
        if not settings.objects_url:
            raise SettingsError(f"GELOMBANG_OBJECTS_URL is not set ({describe('objects_url').meaning})")
        return cls(settings.objects_url)

    @staticmethod
    def new_name() -> str:
        """A name that says nothing and that nobody guesses."""
        return secrets.token_hex(_NAME_BYTES)

    async def put(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Write an object while it comes in. What `pieces` raises passes, and then nothing is kept."""
        failure: Exception | None = None

        async def guarded() -> AsyncIterator[bytes]:
            nonlocal failure
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:  # the library would wrap it: it is raised below as it was
                failure = error
                raise

        try:
            await obstore.put_async(self._store, name, guarded(), chunk_size=_BUFFER_BYTES, max_concurrency=1)
        except Exception as error:
            if failure is not None:
                raise failure from None
            raise _retryable(error) from error

    async def get(self, name: str) -> bytes:
        """An object, whole; raises `Permanent` when it is not there."""
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except (ObjectNotFoundError, FileNotFoundError) as error:
            raise Permanent("photo_missing") from error
        except _FAILURES as error:
            raise _retryable(error) from error

    async def delete(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there are removed already."""
        for name in names:
            try:
                await obstore.delete_async(self._store, name)
            except (ObjectNotFoundError, FileNotFoundError):
                continue
            except _FAILURES as error:
                raise _retryable(error) from error


def _retryable(error: Exception) -> Retryable:
    if not isinstance(error, _FAILURES):
        raise error
    log.warning("object store failed", error_type=type(error).__qualname__)
    return Retryable("objects_unreachable")
