-- Takes in a batch of registrations in one commit (decision 1); a key that is already there changes nothing.
-- $1 ids, $2 content digests, $3 NIK digests, $4 identity digests, $5 sealed applicants: arrays of one length, which is $6.
-- Returns one row: when they were received, how many are new and, only when not all are, which.
-- Ids are taken in order, so that overlapping batches cannot deadlock.
with inserted as (
    insert into registrations (id, content_digest, nik_digest, identity_digest, sealed)
    select batch.id, batch.content_digest, batch.nik_digest, batch.identity_digest, batch.sealed
    from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
        as batch (id, content_digest, nik_digest, identity_digest, sealed)
    order by batch.id
    on conflict (id) do nothing
    returning id
)
select now() as received_at, count(*) as count, case when count(*) < $6::int then array_agg(id) end as ids
from inserted
