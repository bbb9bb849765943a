-- Photos whose own key stands under a sealing key older than the one given.
-- $1 the prefix of the key to move to, $2 how many at most, $3 those that could not be opened.
select registration_id, upload_digest, sealed_key
from photos
where sealed_key < $1 and not upload_digest = any($3::bytea[])
limit $2
