-- Erases registrations; challenges, ownership and dead letters go with them. Waits for whoever is writing to one.
-- $1 ids. Returns what is gone, with the identities that it had before corrections.
with erased as (
    delete from registrations
    where id = any($1::uuid[])
    returning id, identity_digest
)
select erased.id, erased.identity_digest,
    array(
        select former_identity_digest from corrections where registration_id = erased.id
    ) as former_identity_digests
from erased
