-- Erases registrations; challenges, ownership and dead letters go with them. Waits for whoever is writing to one.
-- $1 ids. Returns what is gone.
delete from registrations
where id = any($1::uuid[])
returning id, identity_digest
