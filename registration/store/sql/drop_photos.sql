-- Destroys the photos of these registrations: a photo that was rejected is not kept.
-- $1 ids.
delete from photos where registration_id = any($1::uuid[]) and completed_at is not null
