-- Puts data sealed anew in the place of what was read, by compare-and-set: a row that was changed or erased meanwhile is
-- left alone. No check, version or time of the row changes.
-- $1 ids, $2 what was read, $3 what takes its place. Returns the ids that were replaced.
update registrations as r
set sealed = fresh.sealed
from (
    select *
    from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as f (id, expected, sealed)
    order by id
) as fresh
where r.id = fresh.id and r.sealed = fresh.expected
returning r.id
