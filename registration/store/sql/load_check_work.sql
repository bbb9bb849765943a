-- Of these ids, those whose {kind} check is open and due.
-- A retry is a check whose last call failed.
-- $1 ids.
select
    id, sealed, identity_digest, {kind}_version as version, {kind}_attempts as attempts,
    {kind}_state = 'delayed' as is_retry
from registrations
where id = any($1::uuid[]) and {kind}_state in ('pending', 'delayed') and {kind}_due_at <= now()
