-- Counts that the registry did not find these people, in the same commit as the delay that follows from it.
-- $1 ids.
update registrations
set nik_misses = nik_misses + 1
where id = any($1::uuid[])
