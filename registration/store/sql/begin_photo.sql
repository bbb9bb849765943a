-- Begins to take in a photo, or finds what came of it so far. Begun anew it is sealed with a new key.
-- $1 id, $2 upload digest, $3 sealed key, $4 size in bytes. Returns nothing when there is no such registration; otherwise
-- where the check stands, and the upload: its key and size, whether it is whole, and how many bytes are there.
with registration as (
    select id, photo_state from registrations where id = $1 for key share
),
begun as (
    insert into photos (registration_id, upload_digest, sealed_key, size_bytes)
    select id, $2, $3, $4 from registration where photo_state is distinct from 'verified'
    on conflict do nothing
    returning sealed_key, size_bytes, received_bytes, completed_at
),
upload as (
    select * from begun
    union all
    select sealed_key, size_bytes, received_bytes, completed_at
    from photos
    where registration_id = $1 and upload_digest = $2 and not exists (select from begun)
)
select
    r.photo_state::text as photo_state,
    u.sealed_key,
    u.size_bytes,
    u.completed_at is not null as is_whole,
    u.received_bytes
from registration as r left join upload as u on true
