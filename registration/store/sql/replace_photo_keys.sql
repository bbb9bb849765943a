-- Puts photos' keys sealed anew in the place of what was read, by compare-and-set.
-- $1 registrations, $2 upload digests, $3 what was read, $4 what takes its place. Returns what was replaced.
update photos as p
set sealed_key = fresh.sealed
from (
    select *
    from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) as f (registration_id, upload_digest, expected, sealed)
    order by registration_id, upload_digest
) as fresh
where p.registration_id = fresh.registration_id and p.upload_digest = fresh.upload_digest
    and p.sealed_key = fresh.expected
returning p.upload_digest
