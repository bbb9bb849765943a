"""Removes what no photo needs any more from the object store: raw pictures, erased and unfinished ones.

Guarantee: a photo's row is gone before its objects are, and their key with it. If the process dies, the list is still
there.
"""

from registration.photos.shelf import Shelf
from registration.store import photos as store
from registration.store.database import Database

SWEEP_SECONDS = 60.0
# An object is noted, written and then taken: what is older than the longest upload was left behind.
WASTE_SECONDS = 3_600.0
UNFINISHED_SECONDS = 86_400.0
_AT_ONCE = 500


class Sweeper:
    """One duty of the photo workers."""

    def __init__(self, *, database: Database, shelf: Shelf, waste_seconds: float = WASTE_SECONDS) -> None:
        self._database = database
        self._shelf = shelf
        self._waste_seconds = waste_seconds

    async def run_once(self) -> None:
        """Remove what there is; raises `Retryable`."""
        await store.drop_unfinished(self._database, older_than_seconds=UNFINISHED_SECONDS)
        while names := await store.find_waste(self._database, older_than_seconds=self._waste_seconds, limit=_AT_ONCE):
            await self._shelf.delete(names)
            await store.forget_objects(self._database, names)
