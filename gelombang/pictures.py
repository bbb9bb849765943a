"""The photo in an export: read from the object store and opened, so that a person gets what is held of their face.

Guarantee: it only reads. A picture that cannot be had does not hold up the rest: that is said in its place.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from registration.errors import Permanent, Retryable
from registration.photos.sealed import PhotoKey
from registration.photos.shelf import Shelf
from registration.sealing import KeyRingError, SealedDataError, Sealer
from registration.store import photos

if TYPE_CHECKING:
    from registration.store.database import Database

_PNG_MAGIC = b"\x89PNG"
_UNREADABLE = {
    Permanent: "its object is not in the object store",
    Retryable: "the object store does not answer: run the export again",
    KeyRingError: "its sealing key is not in the key ring",
    SealedDataError: "the sealed photo was changed",
}


class Pictures:
    """Opens photos; without a shelf it says so of each."""

    def __init__(self, *, database: "Database", objects_url: str, sealer: Sealer) -> None:
        self._database = database
        self._shelf = Shelf(objects_url) if objects_url else None
        self._sealer = sealer

    async def of(self, registration_ids: Sequence[UUID]) -> Mapping[UUID, Any]:
        """Of each registration with a whole photo: it as a `data:` URL, which a browser opens, or why not."""
        found = {item: await photos.read(self._database, item) for item in registration_ids}
        return {item: await self._picture(item, photo) for item, photo in found.items() if photo is not None}

    async def _picture(self, registration_id: UUID, photo: photos.Photo) -> str | Mapping[str, str]:
        if self._shelf is None:
            return {"unreadable": "GELOMBANG_OBJECTS_URL is not set"}
        try:
            key = PhotoKey.unsealed(photo.sealed_key, registration_id, self._sealer)
            picture = b"".join([key.open(await self._shelf.get(name), name) for name in photo.names])
        except (Permanent, Retryable, KeyRingError, SealedDataError) as error:
            return {"unreadable": _UNREADABLE[type(error)]}
        kind = "png" if picture.startswith(_PNG_MAGIC) else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
