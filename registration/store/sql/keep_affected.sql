-- Keeps workers of a list; who is named again stays as first named.
-- $1 NIK digests, $2 source. Returns how many are new.
with kept as (
    insert into affected_workers (nik_digest, source)
    select distinct digest, $2 from unnest($1::bytea[]) as batch (digest)
    order by digest
    on conflict do nothing
    returning 1
)
select count(*) as new from kept
