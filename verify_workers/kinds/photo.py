"""Photo: whether it can be used, and a clean picture in the place of what was sent.

The clean picture takes its place before the verdict is written; a worker that dies in between finds it there and only
writes the verdict. What was rejected is destroyed with its verdict (registration/store/work.py).
"""

from collections.abc import AsyncIterator, Sequence

from registration.applicant import Applicant
from registration.checks import State
from registration.errors import Permanent, Postponed
from registration.photos.sealed import PhotoKey
from registration.photos.shelf import Shelf
from registration.sealing import KeyRingError, SealedDataError, Sealer
from registration.store import photos as store
from registration.store.database import Database
from registration.store.work import Verdict, Work
from verify_workers.kinds.checker import Answer
from verify_workers.photos.decoder import Decoder


class PhotoChecker:
    """Reads photos from the shelf and puts clean ones there."""

    def __init__(self, *, database: Database, shelf: Shelf, sealer: Sealer, decoder: Decoder) -> None:
        self._database = database
        self._shelf = shelf
        self._sealer = sealer
        self._decoder = decoder

    async def prepare(self, batch: Sequence[tuple[Applicant, Work]]) -> None:
        """Nothing to prepare."""

    async def keep(self) -> None:
        """Take up a key ring that was rotated."""
        await self._sealer.look()

    async def check(self, _person: Applicant, work: Work) -> Answer:
        """Decode the photo; what is wrong with it is the applicant's to mend, what went wrong here is not."""
        async with self._decoder.turns:
            photo = await store.read(self._database, work.registration_id)
            if photo is None:
                raise Permanent("photo_missing")
            if photo.cleaned_at is not None:
                return Answer(Verdict(State.VERIFIED))
            try:
                key = PhotoKey.unsealed(photo.sealed_key, work.registration_id, self._sealer)
                sent = b"".join([key.open(await self._shelf.get(name), name) for name in photo.names])
            except KeyRingError as error:
                raise Permanent("key_missing") from error
            except SealedDataError as error:
                raise Permanent("data_unreadable") from error
            decoded = await self._decoder.decode(sent)
        if decoded.reason is not None:
            return Answer(Verdict(State.REJECTED, decoded.reason))
        await self._keep(work, photo, key, decoded.picture)
        return Answer(Verdict(State.VERIFIED))

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _keep(self, work: Work, photo: store.Photo, key: PhotoKey, picture: bytes) -> None:
        name = self._shelf.new_name()
        await store.note_object(self._database, name)
        await self._shelf.put(name, key.seal(_once(picture), name))
        if not await store.replace(
            self._database, work.registration_id, photo.upload_digest, name=name, length=len(picture)
        ):
            raise Postponed  # another photo came meanwhile: it has a check of its own


async def _once(picture: bytes) -> AsyncIterator[bytes]:
    yield picture
