-- Forgets what the registry said of identities that no registration has any more. A statement of its own after the
-- registrations' erasure: it then also sees the verdict of a worker for whose write the erasure had to wait.
-- $1 identity digests. Returns one row for each that is gone.
delete from identity_verdicts as v
where v.identity_digest = any($1::bytea[])
    and not exists (select from registrations as r where r.identity_digest = v.identity_digest)
returning v.state
