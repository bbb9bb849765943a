-- The registrations of a NIK, the first first. There is no index on the digest, so the whole table is read.
-- $1 NIK digest.
select id
from registrations
where nik_digest = $1
order by received_at, id
