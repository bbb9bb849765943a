-- Erases registrations; challenges, ownership, dead letters, tests and joins go with them, and the
-- place on a list of affected workers. That the person had the benefit stays, as a digest: it is given once in a lifetime. Waits for whoever is writing to one.
-- $1 ids. Returns what is gone, with the identities that it had before corrections.
with erased as (
    delete from registrations
    where id = any($1::uuid[])
    returning id, nik_digest, identity_digest
),
unlisted as (
    delete from affected_workers where nik_digest in (select nik_digest from erased)
)
select erased.id, erased.identity_digest,
    array(
        select former_identity_digest from corrections where registration_id = erased.id
    ) as former_identity_digests
from erased
