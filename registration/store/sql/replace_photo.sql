-- Puts an object in the place of all objects of a photo, which become waste. Nothing changes when another photo came.
-- $1 id, $2 upload digest, $3 object's name, $4 length in bytes. Returns a row when it took their place.
with photo as (
    update photos set size_bytes = $4, cleaned_at = now()
    where registration_id = $1 and upload_digest = $2 and completed_at is not null
    returning registration_id, upload_digest
),
discarded as (
    update photo_objects as o
    set registration_id = null, upload_digest = null, start_byte = null, noted_at = now()
    from photo
    where o.registration_id = photo.registration_id and o.upload_digest = photo.upload_digest
)
update photo_objects as o
-- Behind whatever stands there, since both happen at once and a part's start is unique.
set registration_id = photo.registration_id, upload_digest = photo.upload_digest, start_byte = -1, length_bytes = $4
from photo
where o.name = $3
returning o.name
