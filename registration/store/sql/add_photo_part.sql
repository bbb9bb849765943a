-- Takes an object that was written as the next part of a photo; with the last part the photo is whole, takes the place of
-- an earlier one, and its check begins.
-- $1 id, $2 upload digest, $3 object's name, $4 start byte, $5 length in bytes, $6 states from which another photo is legal.
-- Returns a row with how many bytes are there and whether it is whole. No row: the part does not continue what is there, or
-- the check is settled; nothing has changed, and the object is waste.
with registration as (
    select id from registrations
    where id = $1 and (photo_state is null or photo_state = any($6::check_state[]))
    for update
),
upload as (
    update photos as p
    set received_bytes = $4::int + $5::int,
        completed_at = case when $4::int + $5::int = p.size_bytes then now() end
    from registration
    where p.registration_id = registration.id and p.upload_digest = $2 and p.completed_at is null
        and p.received_bytes = $4::int and $4::int + $5::int <= p.size_bytes
    returning p.registration_id, p.upload_digest, p.received_bytes, p.completed_at
),
added as (
    update photo_objects as o
    set registration_id = upload.registration_id, upload_digest = upload.upload_digest, start_byte = $4, length_bytes = $5
    from upload
    where o.name = $3
),
whole as (
    select * from upload where completed_at is not null
),
replaced as (
    delete from photos as p using whole
    where p.registration_id = whole.registration_id and p.upload_digest <> whole.upload_digest
),
begun as (
    update registrations as r
    set photo_state = 'pending', photo_reason = null, photo_cause = null, photo_attempts = 0, photo_due_at = now(),
        photo_version = photo_version + 1, photo_updated_at = now()
    from whole
    where r.id = whole.registration_id
    returning r.id
),
settled as (
    update dead_letters as d set closed_at = now() from begun
    where d.registration_id = begun.id and d.kind = 'photo' and d.closed_at is null
)
select received_bytes, completed_at is not null as is_whole from upload
